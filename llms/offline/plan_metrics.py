"""Which questions to the records answer a goal? SQL from the columns that the types have."""

# ruff: noqa: S608 - column names come from a fixed alphabet; the text is SQL that a job holds

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llms.offline.goals import Goal

_MOST = 8
_TOP = 15

_AMOUNTS = ("grand_total", "total", "amount", "total_value", "net_total", "value", "price")
_SELLERS = ("seller_name", "merchant", "supplier", "vendor", "parties", "sender", "customer_name")
_BUYERS = ("buyer_name", "customer_name", "customer", "parties", "sender")
_KIND_NAMES = ("category", "topic", "kind", "priority", "status", "payment_method", "type")
LIST = "list"
"""What a column is that holds several values."""

_RESERVED = frozenset({"documents", "failures", "outcomes", "sources", "batch"})


@dataclass(frozen=True, slots=True)
class Table:
    """A document type as a table: its name and per column the type of the field."""

    name: str
    columns: Mapping[str, str]

    @property
    def sql(self) -> str:
        """The table's name in SQL: a word that docmill uses itself has `_records` behind it."""
        return _quoted(f"{self.name}_records" if self.name in _RESERVED else self.name)

    def amount(self) -> str | None:
        """The column with the sum of money that the document is about."""
        sums = [name for name, kind in self.columns.items() if kind == "decimal"]
        return next((name for name in _AMOUNTS if name in sums), sums[0] if sums else None)

    def day(self) -> str | None:
        """The column that dates the document."""
        return next((n for n, kind in self.columns.items() if kind in ("date", "datetime")), None)

    def party(self, *, selling: bool) -> str | None:
        """The column with who is on the other side."""
        for name in _BUYERS if selling else _SELLERS:
            if self.columns.get(name) in ("string", LIST):
                return name
        return None

    def kinds(self) -> list[str]:
        """Columns that sort the documents."""
        found = [name for name, kind in self.columns.items() if kind == "category"]
        return found or [name for name in _KIND_NAMES if self.columns.get(name) == "string"]


def metrics_for(tables: Sequence[Table], goal: Goal) -> list[dict[str, Any]]:
    """The questions that answer a goal, the most telling first; at most `_MOST`."""
    found: list[dict[str, Any]] = []
    if goal.money:
        found += _by_type(tables)
    per_table = [list(_of_table(table, goal)) for table in tables]
    longest = max((len(mine) for mine in per_table), default=0)
    found += [mine[i] for i in range(longest) for mine in per_table if i < len(mine)]
    return found[:_MOST]


def _by_type(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """The sums of all types side by side, where more than one has sums."""
    parts = []
    for table in tables:
        amount = table.amount()
        if amount is not None:
            parts.append(
                f"SELECT '{table.name}' AS type, {_currency(table)} AS currency, "
                f"{_quoted(amount)} AS amount FROM {table.sql}"
            )
    if len(parts) < 2:
        return []
    union = "\nUNION ALL ".join(parts)
    return [
        _metric(
            "amount_by_type",
            "Amounts by type of document",
            f"SELECT type, currency, count(amount) AS documents, sum(amount) AS total\nFROM "
            f"({union})\nWHERE amount IS NOT NULL GROUP BY ALL ORDER BY total DESC",
            "the goal asks about money, and several types carry sums",
        )
    ]


def _of_table(table: Table, goal: Goal) -> Iterator[dict[str, Any]]:
    amount, day = table.amount(), table.day()
    party = table.party(selling=goal.selling)
    total, who = _quoted(amount or ""), _quoted(party or "")
    if amount is not None and goal.money:
        if party is not None and goal.who and table.columns[party] != LIST:
            yield _metric(
                f"{table.name}_amount_by_{party}",
                f"{_title(table.name)}: amount by {_plain(party)}",
                f"SELECT {who}, {_currency(table)} AS currency, count(*) AS documents, "
                f"sum({total}) AS total\nFROM {table.sql} WHERE {total} IS NOT NULL\n"
                f"GROUP BY ALL ORDER BY total DESC LIMIT {_TOP}",
                "the goal asks how much, and with whom",
            )
        if day is not None:
            yield _metric(
                f"{table.name}_amount_by_month",
                f"{_title(table.name)}: amount by month",
                f"SELECT {_month(day)} AS month, {_currency(table)} AS currency, "
                f"sum({total}) AS total\nFROM {table.sql} "
                f"WHERE {_quoted(day)} IS NOT NULL AND {total} IS NOT NULL\n"
                "GROUP BY ALL ORDER BY month",
                "sums mean more over time",
                chart="line",
            )
        yield _metric(
            f"{table.name}_amounts",
            f"{_title(table.name)}: sum, mean and largest",
            f"SELECT {_currency(table)} AS currency, count({total}) AS documents, "
            f"sum({total}) AS total, CAST(avg({total}) AS DECIMAL(24, 2)) AS mean, "
            f"max({total}) AS largest\nFROM {table.sql} WHERE {total} IS NOT NULL\n"
            "GROUP BY ALL ORDER BY total DESC",
            "the goal asks about money",
            chart="none",
        )
    elif party is not None and goal.who and not goal.money:
        yield _metric(
            f"{table.name}_by_{party}",
            f"{_title(table.name)} by {_plain(party)}",
            _counted(table, party),
            "the goal asks who",
        )
    if goal.kinds or goal.counts:
        for kind in table.kinds()[:2]:
            yield _metric(
                f"{table.name}_by_{kind}",
                f"{_title(table.name)} by {_plain(kind)}",
                _counted(table, kind),
                "the goal asks how the documents are distributed",
            )
    if day is not None and (goal.when or goal.counts) and not (amount is not None and goal.money):
        yield _metric(
            f"{table.name}_by_month",
            f"{_title(table.name)} by month",
            f"SELECT {_month(day)} AS month, count(*) AS documents\nFROM {table.sql} "
            f"WHERE {_quoted(day)} IS NOT NULL GROUP BY ALL ORDER BY month",
            "the goal asks how often or when",
            chart="line",
        )


def _counted(table: Table, column: str) -> str:
    name, rows = _quoted(column), table.sql
    if table.columns[column] == LIST:
        rows = f"(SELECT unnest({name}) AS {name} FROM {rows})"
    return (
        f"SELECT {name}, count(*) AS documents\nFROM {rows} WHERE {name} IS NOT NULL\n"
        f"GROUP BY ALL ORDER BY documents DESC, {name} LIMIT {_TOP}"
    )


def _currency(table: Table) -> str:
    return "coalesce(currency, '(none)')" if "currency" in table.columns else "'(unknown)'"


def _month(day: str) -> str:
    # A date is read as such, a datetime is ISO text; both begin with YYYY-MM.
    return f"left(CAST({_quoted(day)} AS VARCHAR), 7)"


def _metric(name: str, title: str, sql: str, reason: str, chart: str = "auto") -> dict[str, Any]:
    return {
        "id": name.lower()[:63],
        "title": title,
        "sql": sql,
        "unit": "",
        "chart": chart,
        "reason": reason,
    }


def _title(name: str) -> str:
    return _plain(name).capitalize()


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _quoted(name: str) -> str:
    """A name as an identifier of SQL, which may be a word of SQL itself."""
    return f'"{name}"'
