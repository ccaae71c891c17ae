"""What all pages for operators have in common."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

COUNTED = 10_000  # rows; beyond these a list is looked through by search and filters
AT_ONCE = 100  # of what is chosen for an action


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic for type checkers alone
    """Counts no further than `COUNTED`: counting a million messages takes a second, on each page."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class OperatorAdmin(ModelAdmin):
    """Everything is read-only but what is named in `editable`, for which there are verbs."""

    editable: tuple[str, ...] = ()
    removable = False  # by a verb, in `remove`
    view_on_site = False

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 1
    ordering = ("-pk",)

    # Who comes in at all, the site has asked.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.editable)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.removable

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown: Any = self.fields or ()
        return [name for name in shown if name not in self.editable]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only the filters that are offered: Django's own would let any column be asked for, letter by
        letter, that is not shown."""
        filters: Any = self.list_filter
        offered = {each if isinstance(each, str) else each[0] for each in filters}
        manners = "", "__exact", "__isempty", "__isnull"
        return lookup in {name + manner for name in offered for manner in manners}

    # What a verb refuses is told by its own sentence.

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._told(
            request, lambda: super(OperatorAdmin, self).changeform_view(request, *args, **kwargs)
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return self._told(
            request, lambda: super(OperatorAdmin, self).changelist_view(request, extra_context)
        )

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._told(
            request, lambda: super(OperatorAdmin, self).delete_view(request, *args, **kwargs)
        )

    def _told(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        try:
            return view()
        except ValidationError as refusal:
            sentences = refusal.messages
        except PermissionDenied as refusal:
            if not str(refusal):
                raise
            sentences = [str(refusal)]
        for sentence in sentences:
            self.message_user(request, sentence, messages.ERROR)
        return redirect(request.get_full_path())

    # Removing

    def remove(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for each in few(queryset):
            self.remove(request, each)

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Iterable[Model], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What would be removed: the verbs see to the rest."""
        chosen = few(objs)
        return [str(each) for each in chosen], {}, set(), []


def few(chosen: Any) -> list[Any]:
    """What was chosen for an action. Raises `ValidationError` if that is more than one looks through."""
    found = list(chosen[: AT_ONCE + 1] if hasattr(chosen, "filter") else chosen)
    if len(found) > AT_ONCE:
        raise ValidationError(_("That are more than %s. Choose fewer at once.") % AT_ONCE)
    return found
