from typing import Any

from django.db import migrations
from django.db.utils import OperationalError

# In SQLite. Words come with single spaces between them, so of a tokenizer nothing is asked but to part
# them there: "ascii" takes whatever is beyond ASCII for a letter. The lengths of messages would be for a
# rank that is not used. `prefix` keeps what begins with the same two letters together.
FTS5 = """
CREATE VIRTUAL TABLE rooms_search USING fts5(
    words, columnsize=0, prefix='2', tokenize="ascii tokenchars '_'"
)
"""
# In PostgreSQL. A list of what is not in the index yet keeps posting quick, a short one searching.
TSVECTOR = """
CREATE TABLE rooms_search (
    message_id bigint PRIMARY KEY,
    room_id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    words tsvector NOT NULL
);
CREATE INDEX rooms_search_words ON rooms_search
    USING gin (words) WITH (fastupdate = on, gin_pending_list_limit = 512);
CREATE INDEX rooms_search_time ON rooms_search USING brin (created_at);
CREATE FUNCTION rooms_search_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE rooms_search;
    ELSE
        DELETE FROM rooms_search WHERE message_id = OLD.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rooms_search_forgets AFTER DELETE ON rooms_message
    FOR EACH ROW EXECUTE FUNCTION rooms_search_forget();
CREATE TRIGGER rooms_search_forgets_all AFTER TRUNCATE ON rooms_message
    FOR EACH STATEMENT EXECUTE FUNCTION rooms_search_forget()
"""


def make(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(TSVECTOR)
        return
    try:
        schema_editor.execute(FTS5)
    except OperationalError as error:
        if "no such module" not in str(error):
            raise
        message = "This Python's SQLite has no FTS5, which the search needs: use another build."
        raise SystemExit(message) from error


def remove(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION rooms_search_forget CASCADE")
    else:
        schema_editor.execute("DROP TRIGGER IF EXISTS rooms_search_forgets")
    schema_editor.execute("DROP TABLE rooms_search")


class Migration(migrations.Migration):
    dependencies = [
        ("rooms", "0008_held_unread"),
    ]

    operations = [
        migrations.RunPython(make, remove),
    ]
