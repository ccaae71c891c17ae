"""What somebody is in the place takes the place of whether they own it."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def from_owners(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("rooms", "User").objects.filter(is_owner=True).update(role="owner")


def to_owners(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("rooms", "User").objects.filter(role="owner").update(is_owner=True)


class Migration(migrations.Migration):
    dependencies = [("rooms", "0004_chores")]

    operations = [
        migrations.AddField(
            "user",
            "role",
            models.CharField(
                choices=[
                    ("owner", "Owner"),
                    ("admin", "Admin"),
                    ("member", "Member"),
                    ("guest", "Guest"),
                ],
                default="member",
                max_length=16,
                verbose_name="role",
            ),
        ),
        migrations.RunPython(from_owners, to_owners),
        migrations.RemoveField("user", "is_owner"),
        migrations.AddField(
            "place",
            "rooms_by_admins",
            models.BooleanField(
                default=False,
                help_text="Owners count as admins.",
                verbose_name="only admins make rooms",
            ),
        ),
        migrations.AddField(
            "room",
            "moderators_only",
            models.BooleanField(
                db_default=False, default=False, verbose_name="only moderators write"
            ),
        ),
    ]
