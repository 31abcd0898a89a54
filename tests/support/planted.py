"""Bugs to plant into nights, to see whether the fault tests find them."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support import planted_bugs
from tests.support.invariants import Harm


@dataclass(frozen=True)
class Bug:
    """A bug, and what shows that it was found.

    Attributes:
        harms: Each of them shows it.
        plant: Gives the bug to the process that calls it.
        file: Searched for in the paths of a disk's files: it harms none that lacks such a file.
    """

    name: str
    harms: frozenset[Harm]
    plant: Callable[[], None]
    file: str = ""


POWER_BUGS = (
    Bug(
        "files are not synced",
        frozenset({Harm.TORN, Harm.PAID_TWICE}),
        planted_bugs.files_are_not_synced,
    ),
    Bug(
        "the folders of files are not synced",
        frozenset({Harm.LOST, Harm.PAID_TWICE}),
        planted_bugs.folders_of_files_are_not_synced,
    ),
    Bug(
        "files are not synced, and trusted by their names",
        frozenset({Harm.LOST, Harm.TORN}),
        planted_bugs.files_are_not_synced_and_trusted_by_their_names,
    ),
    Bug(
        "a download that is there is not asked for its size",
        frozenset({Harm.LOST, Harm.TORN}),
        planted_bugs.what_is_there_is_taken_as_the_download,
        file=r"/recording\.\w+\.part$",
    ),
)
COUNTING = Bug(
    "one is added instead of counting from rows",
    frozenset({Harm.DUPLICATE}),
    planted_bugs.one_is_added_instead_of_counting,
)
TALKING = Bug(
    "the signed link is logged",
    frozenset({Harm.SECRET}),
    planted_bugs.the_signed_link_is_logged,
)
KEYLESS = Bug(
    "recordings have no unique key",
    frozenset({Harm.DUPLICATE}),
    planted_bugs.recordings_have_no_unique_key,
)
BUGS = (*POWER_BUGS, COUNTING, TALKING, KEYLESS)
