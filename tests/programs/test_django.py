"""A Django project with users, groups, permissions, sessions and the admin's log, on two machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.programs import tools
from tests.support import command

SETTINGS = """
import os
SECRET_KEY = "for tests"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "shop_urls"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
URLS = """
from django.contrib import admin
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
"""
BEGIN = """
import json, sys
import django
django.setup()
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
"""
MIGRATE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
User.objects.create_superuser("root", "root@example.org", "secret")
"""
CREATE = """
name, own = sys.argv[1:]
user = User.objects.create_user(name, f"{name}@example.org", f"password of {name}", is_staff=True)
user.user_permissions.add(Permission.objects.get(codename="add_user" if name == "ada" else "change_group"))
for group in (own, "editors"):
    made = Group.objects.create(name=group)
    made.user_set.add(user)
    made.permissions.add(Permission.objects.get(codename="view_user"))
LogEntry.objects.create(
    user=user, content_type=ContentType.objects.get_for_model(Group), object_id=str(made.pk), object_repr=made.name,
    action_flag=ADDITION, change_message=f"by {name}",
)
root = User.objects.get(username="root")
if name == "ada":
    root.first_name = "Grace"
else:
    root.last_name = "Hopper"
root.save(update_fields=["first_name" if name == "ada" else "last_name"])
"""
LOGIN = """
client = Client()
if not client.login(username=sys.argv[1], password=f"password of {sys.argv[1]}"):
    sys.exit("not logged in")
assert client.get("/admin/").status_code == 200
"""
DESCRIBE = """
print(json.dumps({
    "users": {
        user.username: [user.get_full_name(), sorted(group.name for group in user.groups.all()),
                        sorted(p.codename for p in user.user_permissions.all())]
        for user in User.objects.order_by("username")
    },
    "passwords": [name for name in ("ada", "bob") if authenticate(username=name, password=f"password of {name}")],
    "log": sorted([entry.user.username, entry.change_message] for entry in LogEntry.objects.all()),
    "groups": {group.name: sorted(p.codename for p in group.permissions.all()) for group in Group.objects.order_by("name")},
    "admin may": User.objects.get(username="root").has_perm("auth.add_user"),
}))
"""
RENAME = """
group = Group.objects.get(name="editors")
group.name = "editors at A"
group.save()
"""
REMOVE = """
User.objects.get(username=sys.argv[1]).delete()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop_settings.py").write_text(SETTINGS)
    (tmp_path / "shop_urls.py").write_text(URLS)
    return tmp_path


def manage(database: Path, script: str, *arguments: str) -> Any:
    """Run a script of the project on a database."""
    return tools.python(
        BEGIN + script,
        *arguments,
        folder=database.parent,
        DATABASE=str(database),
        DJANGO_SETTINGS_MODULE="shop_settings",
    )


def test_a_django_project_on_two_machines(project: Path) -> None:
    """Users of one number keep their passwords, groups and log entries; groups of one name wait until one gets another."""
    a = project / "a.db"
    manage(a, MIGRATE)
    a, b = tools.replicate(a, "b")
    manage(a, CREATE, "ada", "authors")
    manage(b, CREATE, "bob", "buyers")
    tools.sync(a, b)
    tools.check(a, b)
    for path in (a, b):
        found = manage(path, DESCRIBE)
        assert found["users"]["root"] == ["Grace Hopper", [], []]
        assert found["users"]["ada"] == ["", ["authors", "editors"], ["add_user"]]
        assert found["users"]["bob"] == ["", ["buyers"], ["change_group"]]
        assert found["passwords"] == ["ada", "bob"]
        assert found["log"] == [["ada", "by ada"], ["bob", "by bob"]]
        assert found["groups"] == {"authors": ["view_user"], "buyers": ["view_user"], "editors": ["view_user"]}
        assert found["admin may"]
        manage(path, LOGIN, "ada")
        manage(path, LOGIN, "bob")
        held = tools.held(path)
        assert [reason.partition(":")[0] for reason in held["auth_group"]] == ["unique"]
        assert {reason.partition(":")[0] for reason in held["auth_user_groups"]} == {"foreign key"}
    tools.sync(a, b)
    manage(a, RENAME)
    tools.sync(a, b)
    tools.check(a, b)
    for path in (a, b):
        found = manage(path, DESCRIBE)
        assert found["users"]["ada"][1] == ["authors", "editors at A"]
        assert found["users"]["bob"][1] == ["buyers", "editors"]
        assert not tools.held(path)


def test_django_deletes_what_django_finds(project: Path) -> None:
    """A user who is deleted on one machine while the other gives her a group comes back, or goes with all that was hers."""
    a = project / "a.db"
    manage(a, MIGRATE)
    manage(a, CREATE, "ada", "authors")
    a, b = tools.replicate(a, "b")
    manage(a, REMOVE, "ada")
    manage(b, "Group.objects.get(name='authors').permissions.clear()")
    manage(b, "User.objects.get(username='root').groups.add(Group.objects.get(name='authors'))")
    tools.sync(a, b)
    tools.check(a, b)
    for path in (a, b):
        found = manage(path, DESCRIBE)
        assert list(found["users"]) == ["root"]
        assert found["users"]["root"][1] == ["authors"]
        assert found["log"] == []
    manage(a, REMOVE, "root")
    manage(b, "User.objects.filter(username='root').update(first_name='R')")
    tools.sync(a, b)
    tools.check(a, b)
    assert command.ok("status", a)
