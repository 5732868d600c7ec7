"""Who is who in plain Python: people as sets of visitors, one event after the other."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class Somebody:
    visitors: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    address: str = ""
    lead: str = ""


@dataclass
class Telling:
    """`kind`: identify, alias, lead (our own record). Visitors are u:<user id> and b:<browser>."""

    kind: str
    user: str = ""
    browser: str = ""
    previous: str = ""
    address: str = ""
    makes_leads: bool = False


def people_of(tellings: list[Telling]) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """({visitor: address of their lead}, [(place of the telling, reason)])"""
    world = World()
    for place, telling in enumerate(tellings):
        world.place = place
        getattr(world, telling.kind)(telling)
    links = {v: somebody.lead for v, somebody in world.people.items() if somebody.lead}
    return links, sorted(world.conflicts)


class World:
    def __init__(self) -> None:
        self.people: dict[str, Somebody] = {}
        self.leads: set[str] = set()  # known by their address
        self.conflicts: list[tuple[int, str]] = []
        self.place = 0

    def who(self, visitor: str) -> Somebody:
        if visitor not in self.people:
            users = {visitor} if visitor.startswith("u:") else set()
            self.people[visitor] = Somebody({visitor}, users)
        return self.people[visitor]

    def become(self, one: Somebody, other: Somebody) -> None:
        other.visitors |= one.visitors
        other.users |= one.users
        other.address = other.address or one.address
        other.lead = other.lead or one.lead
        for visitor in one.visitors:
            self.people[visitor] = other
        self.settle()

    def settle(self) -> None:
        for somebody in self.people.values():
            if not somebody.lead and somebody.address in self.leads:
                somebody.lead = somebody.address

    def refuse(self, reason: str) -> None:
        self.conflicts.append((self.place, reason))

    def lead(self, telling: Telling) -> None:
        self.leads.add(telling.address)
        self.settle()
        if telling.user:
            somebody = self.who(f"u:{telling.user}")
            if somebody.lead and somebody.lead != telling.address:
                self.refuse("another_lead")
            else:
                somebody.lead = telling.address
                somebody.address = somebody.address or telling.address

    def is_same(self, one: Somebody, other: Somebody, address: str) -> bool:
        was, now = one.address or one.lead, other.address or other.lead or address
        if was and now and was != now:
            self.refuse("another_address")
        elif one.lead and other.lead and one.lead != other.lead:
            self.refuse("another_lead")
        else:
            return True
        return False

    def sit_at(self, browser: str, user: str, address: str) -> None:
        """The user sits at the browser: they are who sat there before, unless that was somebody else."""
        before, now = self.who(browser), self.who(user)
        if before is now:
            return
        if before.users:
            if not before.address or before.address != (now.address or address):
                self.refuse("another_user")
        elif self.is_same(before, now, address):
            self.become(before, now)

    def identify(self, telling: Telling) -> None:
        user, browser = telling.user and f"u:{telling.user}", telling.browser and f"b:{telling.browser}"
        if user and browser:
            self.sit_at(browser, user, telling.address)
        subject = self.who(user or browser)
        address = telling.address
        if address:
            known = subject.address or subject.lead
            is_anothers = address in self.leads and subject.lead not in ("", address)
            if is_anothers or (known and known != address and not user):
                self.refuse("address_of_another_lead" if user else "another_address")
            elif not known or known == address:
                subject.address = subject.address or address
                self.settle()
        if telling.makes_leads and address and not subject.lead and address not in self.leads:
            self.leads.add(address)
            subject.lead = address
            self.settle()

    def alias(self, telling: Telling) -> None:
        user = f"u:{telling.user}"
        self.sit_at(f"b:{telling.previous}", user, "")
        former, now = self.who(f"u:{telling.previous}"), self.who(user)
        if former is not now and self.is_same(former, now, ""):
            self.become(former, now)
