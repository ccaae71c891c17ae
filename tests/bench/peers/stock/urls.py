from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST


@require_GET
@login_required
def empty(request: HttpRequest) -> HttpResponse:
    return render(request, "empty.html")


@require_POST
@login_required
def insert(request: HttpRequest) -> HttpResponse:
    """One row of the simplest model that Django brings along."""
    Group.objects.create(name=request.POST["key"])
    return redirect("empty")


urlpatterns = [path("", empty, name="empty"), path("insert/", insert)]
