"""What ranks say to each other when a group lends one to another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskLoan:
    """Lend a rank to ``borrower`` if one is idle. To a leader."""

    borrower: int


@dataclass(frozen=True, slots=True)
class LoanRefused:
    """No rank is idle. To the coordinator."""

    borrower: int


@dataclass(frozen=True, slots=True)
class Loan:
    """Use my ``rank``. To the borrowing leader."""

    rank: int
    functions: bool


@dataclass(frozen=True, slots=True)
class RecallLoan:
    """Return ``rank`` when its task ends. To the borrowing leader."""

    rank: int


@dataclass(frozen=True, slots=True)
class LoanOver:
    """Your ``rank`` is yours again; ``unsuited`` if what waits here is not for it. To its owner."""

    rank: int
    unsuited: bool


@dataclass(frozen=True, slots=True)
class LoanReturned:
    """My rank came back from ``borrower``, unsuited or not. To the coordinator."""

    borrower: int
    unsuited: bool


@dataclass(frozen=True, slots=True)
class LoansWanted:
    """Something waits here now for which ranks that I gave back as unsuited may do. To the coordinator."""


LoanMessage = AskLoan | LoanRefused | Loan | RecallLoan | LoanOver | LoanReturned | LoansWanted
