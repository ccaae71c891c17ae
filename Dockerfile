# The image of compose.yaml: one process of Roomful. It keeps what it knows in /data.
FROM python:3.13-slim
WORKDIR /roomful
COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
# The proxy comes through /data to its static files and may list nothing.
RUN useradd --system roomful && install -d -o roomful -g roomful -m 0711 /data
COPY manage.py .
COPY locale locale
COPY project project
COPY rooms rooms
COPY static static
COPY templates templates
USER roomful
ENV DATA_DIR=/data HOST=0.0.0.0 PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "serve"]
