"""How many documents does an offline engine answer per second on one core?

Run from the root of the repository: `.venv/bin/python benchmarks/offline_engine.py [--count 400]`.
The texts are invoices of about 2 kB, all different; the time is that of `answer`, from messages and
schema to the finished object. CPU seconds are printed beside wall seconds: on a busy machine only
they count.
"""

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from llms.offline.engine import CAREFUL, QUICK, answer
from llms.prompts import extraction_prompt
from schemas.answers import EXTRACTION, extraction_schema
from schemas.documents import shipped_type

_GOODS = ("Steel bracket", "Oak panel", "Paint, white", "Hinge set", "Cable drum", "Work lamp")
_NOTE = (
    "Please quote the invoice number with your payment. Goods remain our property until they are "
    "paid in full. Claims about visible damage are accepted within a few days of delivery; later "
    "ones cannot be considered. Thank you for the order and for your trust in our small company. "
)


def make_text(rng: random.Random) -> str:
    """An invoice of about 2 kB with a dozen lines, totals that add up and some prose."""
    number, day = rng.randrange(1000, 9999), rng.randrange(1, 28)
    lines, net = [], 0
    for position in range(1, 13):
        quantity, price = rng.randrange(1, 9), rng.randrange(100, 20000)
        net += quantity * price
        lines.append(
            f"{position:>2}  {rng.choice(_GOODS):<16} {quantity:>3}  {price / 100:>9.2f}"
            f"  {quantity * price / 100:>10.2f}"
        )
    tax = round(net * 0.2)
    head = (
        f"Carrow & Blythe Joinery Ltd\n14 Tanner Street\nNorwich NR3 1AB\n"
        f"VAT No: GB 123 4567 {day}\n\n"
        f"INVOICE\nInvoice number: CB-{number}\nInvoice date: {day:02}/03/2026\n"
        f"Due date: {day:02}/04/2026\n\nBill to: Halden Interiors Ltd\n"
        "5 Quay Road\nIpswich IP4 1BZ\n\n"
        "No  Item             Qty      Price      Amount\n"
    )
    foot = (
        f"\n\nSubtotal: {net / 100:,.2f}\nVAT 20 %: {tax / 100:,.2f}\n"
        f"Total: GBP {(net + tax) / 100:,.2f}\n\n"
    )
    return head + "\n".join(lines) + foot + _NOTE * 4


def measure(model: str, count: int) -> None:
    """Print the rate of one engine over `count` texts."""
    rng = random.Random(1)
    invoice = shipped_type("invoice")
    schema = extraction_schema(invoice)
    texts = [make_text(rng) for _ in range(count)]
    prompts = [extraction_prompt(invoice, text) for text in texts]
    questions = [
        [{"role": "system", "content": system}, {"role": "user", "content": user}]
        for system, user in prompts
    ]
    answer(model, questions[0], EXTRACTION, schema)
    wall, cpu = time.perf_counter(), time.process_time()
    for messages in questions:
        answer(model, messages, EXTRACTION, schema)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    length = statistics.mean(len(text) for text in texts)
    print(
        f"{model}: {count} texts of {length:.0f} characters, {len(invoice.fields)} fields: "
        f"{count / wall:.0f} documents/s wall, {count / cpu:.0f} documents per CPU second"
    )


def main() -> None:
    """Measure both engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="texts per engine")
    count = parser.parse_args().count
    for model in (QUICK, CAREFUL):
        measure(model, count)


if __name__ == "__main__":
    main()
