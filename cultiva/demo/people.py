"""The people of the demo: invented names, companies and addresses, all at example domains.

Who writes to the company depends on what sort of company they work for: irrigated farms of some size have managers and
technicians, dry land is run by its owner, suppliers send who installs things, universities send students.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


def _words(text: str) -> list[str]:
    return text.split()


WOMEN = _words("""
    Lucía María Carmen Ana Isabel Laura Marta Elena Rocío Pilar Cristina Beatriz Nuria Raquel Silvia Irene Teresa
    Rosa Inés Alicia Eva Sara Paula Noelia Encarnación Dolores Mercedes Montserrat Sonia Patricia Verónica Amparo
""")
MEN = _words("""
    Antonio José Manuel Francisco Juan Javier Carlos Miguel Rafael Pedro Ángel Alejandro Fernando Luis Sergio Pablo
    Jorge Alberto Álvaro Diego Adrián Ramón Vicente Andrés Joaquín Ignacio Rubén Salvador Emilio Jaume Iker Xavier
""")
SURNAMES = _words("""
    García Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Muñoz Álvarez
    Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco Molina Morales Suárez
    Ortega Delgado Castro Ortiz Rubio Marín Sanz Núñez Iglesias Medina Garrido Cortés Castillo Santos Lozano
    Guerrero Cano Prieto Méndez Cruz Calvo Gallego Vidal León Márquez Herrera Peña Flores Cabrera Campos Vega
    Fuentes Carrasco Diez Caballero Reyes Nieto Aguilar Pascual Santana Herrero Montero Lorenzo Hidalgo Giménez
    Ibáñez Ferrer Durán Vicente Benítez Mora Arias Vargas Carmona Crespo Román Pastor Soto Sáez Velasco Soler Moya
    Esteban Parra Bravo
""")
ABROAD = (
    ("Emma", "Clarke"), ("Oliver", "Wright"), ("Sophie", "Turner"), ("Tiago", "Almeida"), ("Marta", "Carvalho"),
    ("Hugo", "Lefèvre"), ("Anna", "Becker"), ("Daan", "Visser"), ("Giulia", "Conti"), ("Thomas", "Harper"),
)  # fmt: skip

# {sector: (how often, company names, provinces)}; `{}` takes a place or a surname.
SECTORS: dict[str, tuple[float, Sequence[str], Sequence[str]]] = {
    "invernadero": (
        20, ("Invernaderos {}", "Hortalizas {}", "Agrobancal {}", "Cultivos Protegidos {}"),
        ("Almería", "Almería", "Almería", "Granada", "Murcia", "Málaga"),
    ),
    "hortícola": (
        15, ("Huertas de {}", "S.A.T. {}", "Verduras {}", "Agrícola {}"),
        ("Murcia", "Navarra", "Alicante", "Badajoz", "Valencia", "Sevilla"),
    ),
    "frutal": (
        13, ("Frutas {}", "Frutales de {}", "Melocotoneros {}", "Explotaciones {}"),
        ("Lleida", "Huesca", "Zaragoza", "Badajoz", "Murcia", "La Rioja"),
    ),
    "cítricos": (9, ("Cítricos {}", "Naranjas {}", "Citrícola {}"), ("Valencia", "Castellón", "Huelva", "Sevilla")),
    "olivar": (10, ("Olivares de {}", "Aceites {}", "Almazara {}"), ("Jaén", "Córdoba", "Toledo", "Granada")),
    "viñedo": (9, ("Bodegas {}", "Viñedos {}", "Pagos de {}"), ("La Rioja", "Valladolid", "Ciudad Real", "Barcelona")),
    "cereal": (7, ("Cereales {}", "Agropecuaria {}", "Dehesa {}"), ("Valladolid", "Burgos", "Soria", "Zaragoza")),
    "vivero": (5, ("Viveros {}", "Plantas {}", "Semilleros {}"), ("Almería", "Valencia", "Barcelona", "Pontevedra")),
    "jardinería": (5, ("Jardines {}", "Paisajismo {}", "Césped {}"), ("Madrid", "Málaga", "Baleares", "Barcelona")),
    "ingeniería": (4, ("Ingeniería {}", "Regadíos {}", "Proyectos Hídricos {}"), ("Madrid", "Murcia", "Zaragoza")),
    "universidad": (7, ("Universidad de {}", "Escuela Agraria de {}"), ("Madrid", "Córdoba", "Lleida", "Valencia")),
}  # fmt: skip
PLACES = (
    "Valdeharina", "Montealto", "Riofrío", "Peñaverde", "Almoraida", "Campolivar", "Torrealba", "Fuentesol",
    "Valdelmar", "Benicampo", "Aldearroyo", "Navalquivir", "Pozoclaro", "Rambla Honda", "Cerroblanco", "Vegamar",
    "Olmediel", "Castrohondo", "Guadalven", "Pinarejo", "Laguna Alta", "Santa Olaria", "Almagral", "Puebla de Arce",
    "Campo Lucero", "Las Acequias", "La Noria Vieja", "Cañada Real", "Los Azudes", "Monte Brezo", "Hoya Serena",
    "Soto Verde", "Valle Umbrío", "Alcores", "Sierra Clara", "Vega Larga", "Fuente Nueva", "Molino Alto",
)  # fmt: skip

SIZES = ("1-9", "10-49", "50-249", "250-999", "1000+")
ROLES = (
    "director", "gerente", "propietario", "responsable técnico", "compras", "técnico de campo", "otro", "estudiante",
)  # fmt: skip


@dataclass(frozen=True)
class Branch:
    """Companies of one sort: how many work there (weights of SIZES), and who writes to us (weights of ROLES)."""

    sectors: tuple[str, ...]
    sizes: tuple[int, ...]
    roles: tuple[int, ...]


BRANCHES = {
    "irrigated": Branch(
        ("invernadero", "hortícola", "frutal", "cítricos"), (8, 52, 30, 9, 1), (26, 28, 4, 21, 6, 12, 3, 0)
    ),
    "dry": Branch(("olivar", "viñedo", "cereal"), (88, 10, 2, 0, 0), (1, 3, 84, 2, 0, 4, 6, 0)),
    "trade": Branch(("vivero", "jardinería", "ingeniería"), (34, 44, 17, 4, 1), (6, 8, 4, 38, 8, 32, 4, 0)),
    "study": Branch(("universidad",), (0, 0, 0, 4, 96), (0, 0, 0, 0, 0, 0, 14, 86)),
}
BRANCH_OF = {sector: name for name, branch in BRANCHES.items() for sector in branch.sectors}
TECHNICIANS = ("responsable técnico", "compras", "técnico de campo")
FREE_MAIL = ("gmail.example", "hotmail.example", "yahoo.example")


@dataclass(frozen=True)
class Person:
    """What the company can know of somebody, sooner or later."""

    first_name: str
    last_name: str
    email: str
    company: str
    job_title: str
    employees: str
    sector: str
    province: str
    hectares: int
    language: str

    @property
    def kind(self) -> str:
        """student | technician | owner (of dry land) | manager: what they are after goes by it."""
        return kind_of(self.job_title, self.sector)


def kind_of(job_title: str, sector: str) -> str:
    if sector == "universidad":
        return "student"
    if job_title in TECHNICIANS:
        return "technician"
    return "owner" if BRANCH_OF[sector] == "dry" else "manager"


def make_people(count: int, random: Random) -> list[Person]:
    """Different people with different addresses; some share a company."""
    made = (_make_company(random) for _ in range(max(1, int(count * 0.82))))
    companies = list({company.domain: company for company in made}.values())
    taken: set[str] = set()
    return [_make_person(random.choice(companies), taken, random) for _ in range(count)]


@dataclass(frozen=True)
class _Company:
    name: str
    domain: str
    sector: str
    province: str
    employees: str
    hectares: int
    is_abroad: bool


def _make_company(random: Random) -> _Company:
    sector = random.choices(list(SECTORS), [weight for weight, _, _ in SECTORS.values()])[0]
    _, names, provinces = SECTORS[sector]
    place = random.choice(PLACES) if random.random() < 0.6 or sector == "universidad" else random.choice(SURNAMES)
    name = random.choice(names).format(place)
    suffix = random.choice(("", "", " S.L.", " S.L.", " S.A.", " S. Coop.")) if sector != "universidad" else ""
    size = random.choices(SIZES, BRANCHES[BRANCH_OF[sector]].sizes)[0]
    scale = (6, 25, 90, 260, 700)[SIZES.index(size)]
    return _Company(
        name=name + suffix,
        domain=f"{ascii_word(name)}.example",
        sector=sector,
        province=random.choice(provinces),
        employees=size,
        hectares=max(1, round(random.lognormvariate(0, 0.7) * scale * (0.2 if sector == "invernadero" else 1))),
        is_abroad=random.random() < 0.03,
    )


def _make_person(company: _Company, taken: set[str], random: Random) -> Person:
    first, last, short = _make_name(company, random)
    role = random.choices(ROLES, BRANCHES[BRANCH_OF[company.sector]].roles)[0]
    is_private = (company.employees == "1-9" and random.random() < 0.45) or role == "estudiante"
    domain = random.choice(FREE_MAIL) if is_private else company.domain
    email = _free_address(f"{ascii_word(first)}.{ascii_word(short)}", domain, taken)
    return Person(
        first_name=first, last_name=last, email=email, company=company.name, job_title=role,
        employees=company.employees, sector=company.sector, province=company.province, hectares=company.hectares,
        language="en" if company.is_abroad else "es",
    )  # fmt: skip


def _make_name(company: _Company, random: Random) -> tuple[str, str, str]:
    """First name, last name, and the part of it that stands in the address."""
    if company.is_abroad:
        first, last = random.choice(ABROAD)
        return first, last, last
    first = random.choice(WOMEN if random.random() < 0.42 else MEN)
    one, other = random.sample(SURNAMES, 2)
    return first, f"{one} {other}", one


def _free_address(local: str, domain: str, taken: set[str]) -> str:
    """With a number where several people would have the same one."""
    email, number = f"{local}@{domain}", 2
    while email in taken:
        email, number = f"{local}{number}@{domain}", number + 1
    taken.add(email)
    return email


def ascii_word(text: str) -> str:
    """`Invernaderos Peñaverde` → `invernaderospenaverde`: for addresses."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return "".join(letter for letter in bare if letter.isalnum())
