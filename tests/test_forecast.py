"""What a job would cost: sizes in, ranges out, nothing sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.pricing import UnknownPriceError
from llms.providers import resolve
from schemas.job import Analysis, Cascade, Job, Source, Verify
from schemas.roles import Role
from tasks.forecast import Forecast, Range, dollars, forecast, forecast_text
from tasks.jobs import JobError
from tasks.text_size import DocumentSize, chars_per_byte, kind_of

KINDS = st.sampled_from(["a.txt", "a.pdf", "a.html", "b.eml", "c.docx", "image/png"])
SIZES = st.lists(st.builds(DocumentSize, bytes=st.integers(0, 3_000_000), hint=KINDS), max_size=20)


def make_forecast(
    documents: list[DocumentSize], profile: str = "openrouter", **values: object
) -> Forecast:
    """A forecast of invoices, but for what its test is about."""
    job = Job.model_validate({"profile": profile, "types": ("invoice",), **values})
    return forecast(job, documents, resolve(job, {}))


def texts(count: int, size: int = 8000) -> list[DocumentSize]:
    return [DocumentSize(size, "a.txt")] * count


def ranges(found: Forecast) -> list[Range]:
    totals = [found.usd, found.projected_usd, found.baseline_usd, found.saving]
    stages = [s.usd for s in (*found.stages, *found.projected_stages)]
    return [one for one in (*totals, *stages, found.document_tokens) if one is not None]


@given(SIZES, st.sampled_from(["openrouter", "openai", "offline"]))
def test_every_range_holds_its_expected_figure(documents: list[DocumentSize], profile: str) -> None:
    found = make_forecast(documents, profile)

    for one in ranges(found):
        assert 0 <= one.low <= one.expected * (1 + 1e-9)
        assert one.expected <= one.high * (1 + 1e-9)


@given(SIZES, st.integers(1, 3_000_000), KINDS)
def test_one_document_more_never_costs_less(
    documents: list[DocumentSize], size: int, hint: str
) -> None:
    before = make_forecast(documents)
    after = make_forecast([*documents, DocumentSize(size, hint)])

    assert after.usd.expected >= before.usd.expected
    assert after.baseline_usd is not None
    assert before.baseline_usd is not None
    assert after.baseline_usd.expected >= before.baseline_usd.expected


def test_the_stages_add_up_to_the_total() -> None:
    found = make_forecast(texts(100))

    assert found.usd.expected == pytest.approx(sum(s.usd.expected for s in found.stages))
    assert [s.stage for s in found.stages] == ["extract", "escalate", "verify", "insights"]


def test_ten_thousand_documents_cost_a_fifth_of_one_strong_model_or_less() -> None:
    found = make_forecast(texts(10_000))

    assert found.documents == 10_000
    assert found.document_tokens.expected == 20_000_000
    assert found.saving is not None
    assert found.saving.low > 5


def test_documents_beyond_the_limits_are_not_counted() -> None:
    documents = [*texts(3), DocumentSize(200, "a.txt"), *texts(5)]
    found = make_forecast(documents, source=Source(max_bytes=1000, limit=4))

    assert (found.documents, found.too_large) == (1, 3)


def test_an_empty_folder_costs_nothing() -> None:
    found = make_forecast([])

    assert found.usd == Range(low=0, expected=0, high=0)
    assert found.stages == ()
    assert found.saving is None


def test_an_offline_run_is_free_and_shows_what_the_catalog_models_would_cost() -> None:
    offline = make_forecast(texts(100), "offline")
    real = make_forecast(texts(100))

    assert offline.usd.expected == 0
    assert {s.model for s in offline.stages} == {"offline-quick", "offline-careful"}
    assert offline.projected_usd is not None
    # The projection knows one model per role, so that its verifier is the one that extracts.
    assert offline.projected_usd.expected == pytest.approx(real.usd.expected, rel=0.1)
    assert offline.saving is not None


def test_documents_of_several_types_need_a_router() -> None:
    found = make_forecast(texts(100), types=("invoice", "receipt"))

    assert (found.stages[0].stage, found.stages[0].role) == ("route", Role.FORMATTING_WORKER)


def test_long_documents_start_a_tier_higher_and_are_read_in_pieces() -> None:
    cascade = Cascade(max_input_chars=10_000, long_document_chars=20_000)
    found = make_forecast(texts(10, 50_000), cascade=cascade)

    calls = {s.stage: (s.role, s.calls.expected) for s in found.stages}
    assert "extract" not in calls
    assert calls["extract, long documents"] == (Role.REASONING_WORKER, 60)


def test_the_verifier_is_not_the_model_that_answered() -> None:
    models = {s.stage: s.model for s in make_forecast(texts(10)).stages}

    assert models["verify"] != models["extract"]


def test_what_is_switched_off_is_not_paid() -> None:
    found = make_forecast(texts(10), verify=Verify(share=0), analysis=Analysis(max_insights=0))

    assert [s.stage for s in found.stages] == ["extract", "escalate"]


def test_parsed_documents_say_how_much_text_the_others_hold() -> None:
    parsed = DocumentSize(100_000, "a.pdf", text_chars=400)
    documents = [parsed, *[DocumentSize(100_000, "b.pdf")] * 9]

    assert make_forecast(documents).document_tokens.expected == 1000
    assert make_forecast(documents[1:]).document_tokens.expected == 9 * 2500


def test_more_parsed_documents_make_a_narrower_range() -> None:
    few = chars_per_byte([DocumentSize(1000, "a.pdf", 100)])["PDF"]
    many = chars_per_byte([DocumentSize(1000, "a.pdf", 100)] * 10)["PDF"]

    assert few.low < many.low < many.expected == few.expected < many.high < few.high


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        ("a/b.PDF", "PDF"),
        ("application/pdf", "PDF"),
        ("message/rfc822", "messages"),
        ("text/html", "web pages"),
        ("box.zip!/x.docx", "Office documents"),
        ("README", "text"),
        ("text/plain", "text"),
    ],
)
def test_a_kind_of_file_is_known_by_name_or_media_type(hint: str, kind: str) -> None:
    assert kind_of(hint) == kind


def test_an_unknown_price_is_an_error() -> None:
    job = Job(profile="openrouter", types=("invoice",))
    resolution = resolve(job, {})
    unpriced = resolution.model(Role.EXTRACTION_WORKER).model_copy(update={"input_price": None})
    roles = {**resolution.roles, Role.EXTRACTION_WORKER: (unpriced,)}

    with pytest.raises(UnknownPriceError, match=unpriced.slug):
        forecast(job, texts(1), resolution.model_copy(update={"roles": roles}))


def test_an_unknown_document_type_is_an_error() -> None:
    with pytest.raises(JobError, match="docmill ships no document type 'invoce'"):
        make_forecast(texts(1), types=("invoce",))


@pytest.mark.parametrize("profile", ["openrouter", "offline"])
def test_the_text_names_totals_saving_and_assumptions(profile: str) -> None:
    text = forecast_text(make_forecast(texts(1000), profile))

    for part in ("1,000 documents", "deepseek-v4-flash", "one strong model", "saving: ", "x to "):
        assert part in text
    assert text.count("\n- ") >= 6
    assert text.endswith("Nothing was sent.")


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(0, "$0"), (0.000123, "$0.00012"), (0.5, "$0.5"), (1, "$1.00"), (12345.678, "$12,345.68")],
)
def test_dollars_are_shown_to_the_digit_that_matters(usd: float, shown: str) -> None:
    assert dollars(usd) == shown
