from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from rooms.models.names import NameWords, line_of

AT_ONCE = 500


def keep_name_words(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The field fills itself in whenever somebody is stored; those who are there were stored before."""
    users = apps.get_model("rooms", "User").objects
    ids = list(users.values_list("pk", flat=True))
    for start in range(0, len(ids), AT_ONCE):
        people = users.filter(pk__in=ids[start : start + AT_ONCE])
        for person in people:
            person.name_words = line_of(person.display_name) + line_of(person.username)
        users.bulk_update(people, ["name_words"])


class Migration(migrations.Migration):
    dependencies = [
        ("rooms", "0006_invitations"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="listed",
            field=models.BooleanField(
                default=True,
                help_text="Whether the room is in this person's list before anything was said in it.",
            ),
        ),
        migrations.AddField(
            model_name="room",
            name="direct",
            field=models.BooleanField(
                default=False,
                help_text="Whether it is what a few people say to each other: see direct.py.",
            ),
        ),
        migrations.AddField(
            model_name="room",
            name="direct_key",
            field=models.CharField(editable=False, max_length=64, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="user",
            name="name_words",
            field=NameWords(
                default="", editable=False, help_text="The words that this person is found by."
            ),
        ),
        migrations.RunPython(keep_name_words, migrations.RunPython.noop),
    ]
