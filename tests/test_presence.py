"""Who is here: leases that lapse by themselves, in memory and in Redis, and what a page is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
from channels_redis.pubsub import RedisPubSubLoopLayer

from rooms.live import fragments, presence
from rooms.live.fragments import Variant
from rooms.live.hub import hub
from rooms.live.presence import MemoryStore, RedisStore, ShardedStore, Store
from rooms.models.announcements import room_group
from tests.cast import signed_in
from tests.factories import make_crowd
from tests.page import Page, fragment
from tests.services import RedisServer, wait_until
from tests.sockets import in_db, new_process, until, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from django.test import Client
    from pytest_django import Settings

    from rooms.models import Room, User

ROOM, OTHER = 1, 2  # with two servers each has one of them
LONG, SHORT = (
    600.0,
    0.5,
)  # seconds of a lease that outlives the test, and of one that a test waits for


@pytest.fixture(scope="module")
def two_servers(redis_server: RedisServer) -> Iterator[list[RedisServer]]:
    second = RedisServer()
    second.start()
    yield [redis_server, second]
    second.remove()


@pytest.fixture(autouse=True)
def known_shards(settings: Settings) -> None:
    """Where a room lies depends on the place's prefix, which is made of its secret key."""
    settings.REDIS_PREFIX = "roomful-test"


@pytest.fixture(params=["memory", "redis", "two redis"])
def another(request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    """Makes the store as another process would have it; in memory there is but one process."""
    if request.param == "memory":
        only = MemoryStore()
        yield lambda: only
        return
    servers: list[RedisServer] = request.getfixturevalue("two_servers")

    def made() -> Store:
        first, second = [RedisStore(server.url) for server in servers]
        return ShardedStore([first, second]) if request.param == "two redis" else first

    made().clear()
    yield made
    made().clear()


@pytest.fixture
def store(another: Callable[[], Store]) -> Store:
    return another()


def people(store: Store, room: int = ROOM, kind: presence.Kind = "here") -> set[int]:
    return store.held(kind, [room])[room]


# The contract of both stores


def test_nobody_is_here_at_first(store: Store) -> None:
    assert store.held("here", [ROOM, OTHER]) == {ROOM: set(), OTHER: set()}
    assert store.held("here", []) == {}


def test_who_holds_a_lease_is_here(store: Store) -> None:
    store.renew("here", [(ROOM, 7), (ROOM, 8), (OTHER, 9)], "a", LONG)
    assert store.held("here", [ROOM, OTHER]) == {ROOM: {7, 8}, OTHER: {9}}


def test_nothing_to_renew_is_no_trouble(store: Store) -> None:
    store.renew("here", [], "a", LONG)
    assert people(store) == set()


def test_being_here_and_writing_are_two_things(store: Store) -> None:
    store.renew("here", [(ROOM, 7)], "a", LONG)
    assert people(store, kind="typing") == set()
    store.renew("typing", [(ROOM, 8)], "a", LONG)
    assert people(store) == {7}
    assert people(store, kind="typing") == {8}


def test_a_lease_lapses_by_itself_and_no_other_with_it(store: Store) -> None:
    store.renew("here", [(ROOM, 7)], "a", LONG)
    store.renew("here", [(ROOM, 8), (OTHER, 8)], "a", LONG)
    assert people(store) == {7, 8}
    store.renew("here", [(ROOM, 8), (OTHER, 8)], "a", SHORT)
    wait_until(lambda: people(store) == {7}, "lapsing")
    wait_until(lambda: people(store, OTHER) == set(), "lapsing")


def test_a_renewed_lease_outlives_the_first(store: Store) -> None:
    store.renew("here", [(ROOM, 7), (ROOM, 8)], "a", SHORT)
    store.renew("here", [(ROOM, 7)], "a", LONG)
    wait_until(lambda: 8 not in people(store), "lapsing")
    assert people(store) == {7}


def test_a_lease_can_be_shortened(store: Store) -> None:
    store.renew("here", [(ROOM, 7), (ROOM, 8)], "a", LONG)
    store.renew("here", [(ROOM, 7)], "a", SHORT)
    wait_until(lambda: people(store) == {8}, "lapsing")


def test_a_lease_of_no_time_ends_at_once(store: Store) -> None:
    store.renew("typing", [(ROOM, 7), (ROOM, 8)], "typing", LONG)
    store.renew("typing", [(ROOM, 7)], "typing", 0)
    assert people(store, kind="typing") == {8}


def test_many_holders_are_one_person_who_stays_until_the_last_has_gone(store: Store) -> None:
    for holder in ("process 1", "process 2", "poll"):
        store.renew("here", [(ROOM, 7)], holder, LONG)
    assert people(store) == {7}
    store.renew("here", [(ROOM, 7)], "process 1", 0)
    store.renew("here", [(ROOM, 7)], "poll", 0)
    assert people(store) == {7}
    store.renew("here", [(ROOM, 7)], "process 2", 0)
    assert people(store) == set()


def test_a_lease_of_another_holder_is_neither_shortened_nor_lengthened(store: Store) -> None:
    store.renew("here", [(ROOM, 7), (ROOM, 8)], "a", SHORT)
    store.renew("here", [(ROOM, 7)], "b", LONG)
    store.renew("here", [(ROOM, 7)], "a", 0)
    assert 7 in people(store)
    wait_until(lambda: people(store) == {7}, "lapsing")


def test_what_one_process_renews_another_sees(another: Callable[[], Store]) -> None:
    one, two = another(), another()
    one.renew("here", [(ROOM, 7)], "one", LONG)
    two.renew("here", [(ROOM, 7), (ROOM, 8)], "two", LONG)
    assert people(one) == people(two) == {7, 8}
    one.renew("here", [(ROOM, 7)], "one", 0)
    assert people(one) == people(two) == {7, 8}


def test_a_process_that_was_killed_leaves_nobody_behind(another: Callable[[], Store]) -> None:
    killed, living = another(), another()
    killed.renew("here", [(ROOM, 7), (ROOM, 8)], "killed", LONG)
    living.renew("here", [(ROOM, 8)], "living", LONG)
    assert people(living) == {7, 8}
    killed.renew("here", [(ROOM, 7), (ROOM, 8)], "killed", SHORT)
    del killed
    wait_until(lambda: people(living) == {8}, "lapsing")


def test_a_thousand_people_are_renewed_at_once(store: Store) -> None:
    crowd = set(range(1, 1_001))
    store.renew("here", [(room, person) for room in (ROOM, OTHER) for person in crowd], "a", LONG)
    assert store.held("here", [ROOM, OTHER]) == {ROOM: crowd, OTHER: crowd}


def test_clearing_ends_all(store: Store) -> None:
    store.renew("here", [(ROOM, 7), (OTHER, 8)], "a", LONG)
    store.renew("typing", [(ROOM, 7)], "a", LONG)
    assert people(store)
    store.clear()
    assert store.held("here", [ROOM, OTHER]) == {ROOM: set(), OTHER: set()}
    assert people(store, kind="typing") == set()


def test_memory_does_not_keep_what_has_lapsed() -> None:
    store = MemoryStore()
    store.renew("here", [(room, 7) for room in range(100)], "a", 0)
    assert len(store._leases) == 100
    store.held("here", range(100))
    assert not store._leases


def test_redis_does_not_keep_a_room_that_nobody_looks_at(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    store.clear()
    store.renew("here", [(ROOM, 7)], "a", LONG)
    key = store._key("here", ROOM)
    assert 0 < store._redis.ttl(key) <= 3600
    store.clear()


def test_a_clock_that_is_set_back_lengthens_no_lease(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    store.clear()
    store.renew("here", [(ROOM, 7)], "set back since", 3600)
    assert people(store) == {7}
    key = store._key("here", ROOM)
    latest = store._redis.time()[0] + presence.LEASE + 1
    assert store._redis.zcount(key, "-inf", latest) == store._redis.zcard(key) == 1
    store.clear()


# Several servers


@pytest.fixture
def on_two(two_servers: list[RedisServer]) -> Iterator[ShardedStore]:
    store = ShardedStore([RedisStore(server.url) for server in two_servers])
    store.clear()
    yield store
    store.clear()


def test_the_rooms_are_dealt_out_evenly_and_no_server_knows_anothers(
    on_two: ShardedStore, two_servers: list[RedisServer]
) -> None:
    rooms = range(1, 21)
    on_two.renew("here", [(room, 7) for room in rooms], "a", LONG)
    assert on_two.held("here", rooms) == {room: {7} for room in rooms}
    known = [
        {room for room, people in RedisStore(server.url).held("here", rooms).items() if people}
        for server in two_servers
    ]
    assert known[0] | known[1] == set(rooms)
    assert not known[0] & known[1]
    assert [len(known[0]), len(known[1])] == [10, 10]


@pytest.mark.parametrize("servers", range(2, 12))
def test_a_rooms_leases_lie_where_its_events_go(servers: int, settings: Settings) -> None:
    urls = [f"redis://host-{number}" for number in range(servers)]
    layer = RedisPubSubLoopLayer(hosts=urls, prefix=settings.REDIS_PREFIX)
    store = ShardedStore([MemoryStore() for _ in urls])
    for room in range(5_000):
        events = layer._get_shard(layer._get_group_channel_name(room_group(room)))
        assert events.host["address"] == urls[store.shard(room)]


def test_a_lost_server_costs_the_rooms_of_the_other_nothing(
    two_servers: list[RedisServer], own_redis: RedisServer
) -> None:
    store = ShardedStore([RedisStore(own_redis.url), RedisStore(two_servers[1].url)])
    lost, kept = sorted((ROOM, OTHER), key=store.shard)
    assert (store.shard(lost), store.shard(kept)) == (0, 1)
    both = [(lost, 7), (kept, 7)]
    store.renew("here", both, "a", LONG)
    assert store.held("here", [lost, kept]) == {lost: {7}, kept: {7}}
    own_redis.stop()
    assert store.held("here", [lost, kept]) == {kept: {7}}
    with pytest.raises(redis.ConnectionError):
        store.held("here", [lost])
    with pytest.raises(redis.ConnectionError):
        store.renew("here", [(lost, 8), (kept, 8)], "a", LONG)
    assert store.held("here", [kept]) == {kept: {7, 8}}
    own_redis.start()
    assert store.held("here", [lost, kept]) == {lost: set(), kept: {7, 8}}
    store.clear()


def test_a_page_shows_nobody_where_the_leases_are_out_of_reach(
    two_servers: list[RedisServer], own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ShardedStore([RedisStore(own_redis.url), RedisStore(two_servers[1].url)])
    lost, kept = sorted((ROOM, OTHER), key=store.shard)
    store.renew("here", [(lost, 7), (kept, 7)], "a", LONG)
    monkeypatch.setattr(presence, "store", lambda: store)
    assert presence.counts([lost, kept]) == {lost: 1, kept: 1}
    own_redis.stop()
    assert presence.counts([lost, kept]) == {lost: 0, kept: 1}
    store._stores[1].clear()


# What pages are told


@pytest.fixture
async def one_process(place: object) -> AsyncIterator[None]:
    async with new_process():
        yield


def in_room(client: Client, room: Room) -> Page:
    return Page(client.get(f"/rooms/{room.slug}/").content.decode())


def named(page: Page) -> list[str]:
    return [person.text for person in page.all("#presence>li .name")]


@pytest.mark.usefixtures("one_process")
def test_whoever_has_the_page_open_is_here_and_nobody_else(
    alice: User, bob: User, alice_client: Client, bob_client: Client, open_room: Room
) -> None:
    assert named(in_room(bob_client, open_room)) == [bob.name]
    assert named(in_room(alice_client, open_room)) == [alice.name, bob.name]


@pytest.mark.usefixtures("one_process")
def test_a_page_that_polls_is_here(
    alice: User, alice_client: Client, bob_client: Client, open_room: Room, private_room: Room
) -> None:
    bob_client.get(f"/rooms/{open_room.slug}/changes/?after=0", headers={"HX-Request": "true"})
    assert len(named(in_room(alice_client, open_room))) == 2
    assert named(in_room(alice_client, private_room)) == [alice.name]


def fill(room: Room, size: int) -> list[User]:
    crowd = make_crowd(room, size)
    presence.store().renew("here", [(room.pk, person.pk) for person in crowd], "test", LONG)
    return crowd


@pytest.mark.usefixtures("one_process")
def test_of_many_a_page_says_how_many_and_leads_to_who_they_are(
    bob: User, bob_client: Client, open_room: Room
) -> None:
    crowd = fill(open_room, fragments.PEOPLE_SHOWN)
    page = in_room(bob_client, open_room)
    assert named(page) == []
    assert {count.text for count in page.all(".here-count")} == {"51"}
    address = page.one("#presence>.more a").attributes["href"]
    everybody = {bob.name, *(person.name for person in crowd)}
    listed = bob_client.get(address).content.decode()
    assert "51 people are here now" in listed
    assert all(f">{name}<" in listed for name in everybody)
    part = fragment(bob_client.get(address, headers={"HX-Request": "true"}).content.decode())
    assert {each.text for each in part.all("#presence .name")} == everybody


@pytest.mark.usefixtures("one_process")
def test_a_list_that_is_not_too_long_is_shown_whole(bob_client: Client, open_room: Room) -> None:
    fill(open_room, fragments.PEOPLE_SHOWN - 1)
    page = in_room(bob_client, open_room)
    assert len(named(page)) == fragments.PEOPLE_SHOWN == 50
    assert not page.all("#presence>.more")


@pytest.mark.usefixtures("one_process")
def test_a_list_that_was_asked_for_stays_while_the_number_changes(
    bob_client: Client, open_room: Room
) -> None:
    fill(open_room, fragments.PEOPLE_SHOWN)
    page = in_room(bob_client, open_room)
    few = fragments.people((), 1, open_room.slug, Variant("en", "UTC"))
    many = fragments.people((), 77, open_room.slug, Variant("en", "UTC"))
    page.receive(few)
    assert not page.all("#presence.many")
    page.receive(many)
    assert page.all("#presence.many .more")
    page.one("#presence>.more a").attributes["href"] = "as it was asked for"
    page.receive(many)
    assert page.one("#presence>.more a").attributes["href"] == "as it was asked for"
    page.check()


def test_who_is_in_a_private_room_is_not_told_to_an_outsider(
    charlie: User, private_room: Room
) -> None:
    assert signed_in(charlie).get(f"/rooms/{private_room.slug}/here/").status_code == 404


@pytest.mark.usefixtures("one_process")
def test_who_is_writing_is_named_to_a_page_that_polls(
    alice_client: Client, bob: User, bob_client: Client, open_room: Room
) -> None:
    page = in_room(alice_client, open_room)
    assert page.one("#typing").text == ""
    room = f"/rooms/{open_room.slug}/"
    assert bob_client.post(f"{room}typing/").status_code == 204
    changes: dict[str, Any] = {"after": page.cursor, "seen": page.one("#seen").attributes["value"]}
    answer = alice_client.get(f"{room}changes/", changes, headers={"HX-Request": "true"})
    page.answer(answer.content.decode())
    assert page.one("#typing").text == f"Writing: {bob.name}"
    assert page.one("#typing b").attributes["data-person"] == str(bob.pk)


@pytest.mark.usefixtures("one_process")
def test_an_outsider_is_neither_here_nor_writing(
    alice_client: Client, bob_client: Client, charlie_client: Client, private_room: Room
) -> None:
    for client, status in [(charlie_client, 404), (bob_client, 204)]:
        assert client.post(f"/rooms/{private_room.slug}/typing/").status_code == status
        client.get(f"/rooms/{private_room.slug}/changes/")
    page = in_room(alice_client, private_room)
    assert named(page) == ["Alice Archer", "Bob Baker"]
    assert page.one("#typing").text == "Writing: Bob Baker"


def pushes(words: str) -> int:
    return words.count('id="presence"')


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_many_who_come_at_once_are_one_push(alice: User, bob: User, open_room: Room) -> None:
    crowd = await in_db(make_crowd)(open_room, 30)
    async with watching(bob, open_room) as opened:
        await until(lambda: not hub()._look.is_set(), "nothing to look at")
        before = pushes(opened.words)
        for person in crowd:
            presence.store().renew("here", [(open_room.pk, person.pk)], "test", LONG)
            hub().look_at_presence(open_room.pk)
        frame = await opened.until(crowd[-1].name)
        assert all(person.name in frame for person in crowd)
        # bob's own coming may be a push before it, and the thirty were looked at twice at most
        assert pushes(opened.words) - before <= 2


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_nothing_is_pushed_while_the_same_people_are_here(
    alice: User, bob: User, open_room: Room
) -> None:
    async with watching(bob, open_room) as opened:
        await opened.until('id="presence"')
        before = pushes(opened.words)
        for _ in range(3):
            await hub()._push_people({open_room.pk})
        async with watching(alice, open_room):
            await opened.until(alice.name)
        assert pushes(opened.words) == before + 1


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_who_is_renamed_is_renamed_in_the_list(
    alice: User, bob: User, open_room: Room
) -> None:
    async with watching(bob, open_room) as opened, watching(alice, open_room):
        await opened.until(alice.name)
        await in_db(alice.change_profile)(display_name="Alicia", time_zone="", language="")
        await opened.until("Alicia</a>")


@pytest.mark.usefixtures("one_process")
@pytest.mark.django_db(transaction=True)
async def test_several_pages_of_one_person_are_one_and_stay_until_the_last_is_closed(
    alice: User, bob: User, open_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "GRACE", 0.2)
    async with watching(bob, open_room) as opened:
        async with watching(alice, open_room):
            async with watching(alice, open_room):
                assert (await opened.until(alice.name)).count(alice.name) == 1
            started = time.monotonic()
            await until(lambda: time.monotonic() - started > 2 * presence.GRACE, "grace is over")
            await hub()._push_people({open_room.pk})
            assert alice.name in [p.name for p in hub().rooms[open_room.pk].people.here]  # type: ignore[union-attr]
        frame = await opened.until('id="presence"')
        assert alice.name not in frame
