"""The offline provider as a client sees it: through the openai SDK and as bare ASGI."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from openai.types.chat import ChatCompletion

from llms.offline.app import CAREFUL, QUICK, create_app
from llms.prompts import extraction_prompt
from schemas.answers import EXTRACTION, extraction_schema
from schemas.documents import shipped_type

RECEIPT = "Corner Bakery Ltd\n12 Mill Lane, Leeds LS1 4AB\nDate: 14/03/2026\nTotal: £ 12.40\nCash\n"


def make_app() -> Any:
    return create_app(clock=lambda: 1_700_000_000.0)


def make_client() -> AsyncOpenAI:
    transport = httpx2.ASGITransport(app=make_app())
    return AsyncOpenAI(
        base_url="http://offline/v1",
        api_key="offline",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=transport),
    )


def make_request(model: str = QUICK, **changes: Any) -> dict[str, Any]:
    receipt = shipped_type("receipt")
    system, user = extraction_prompt(receipt, RECEIPT)
    usual: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": EXTRACTION,
                "strict": True,
                "schema": extraction_schema(receipt),
            },
        },
    }
    return {**usual, **changes}


def ask(request: dict[str, Any]) -> ChatCompletion:
    async def send() -> ChatCompletion:
        async with make_client() as client:
            completion: ChatCompletion = await client.chat.completions.create(**request)
            return completion

    return asyncio.run(send())


def send_raw(
    body: bytes, path: str = "/v1/chat/completions", method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    async def send() -> tuple[int, dict[str, Any]]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=make_app())) as client:
            response = await client.request(method, f"http://offline{path}", content=body)
            return response.status_code, response.json()

    return asyncio.run(send())


@pytest.mark.parametrize("model", [QUICK, CAREFUL])
def test_the_sdk_gets_a_completion_whose_content_answers_the_schema(model: str) -> None:
    completion = ask(make_request(model))

    choice = completion.choices[0]
    assert choice.finish_reason == "stop"
    assert completion.model == model
    answered = json.loads(choice.message.content or "")
    assert set(answered) == {spec.name for spec in shipped_type("receipt").fields}
    assert answered["total"]["value"] == "12.40"
    assert answered["purchase_date"]["value"] == "2026-03-14"


def test_usage_is_a_quarter_of_the_characters_and_the_fingerprint_names_rules() -> None:
    completion = ask(make_request())

    assert completion.usage is not None
    content = completion.choices[0].message.content or ""
    assert completion.usage.completion_tokens == -(-len(content) // 4)
    assert completion.usage.prompt_tokens > len(RECEIPT) / 4
    assert (completion.system_fingerprint or "").startswith("docmill-rules-")


def test_the_same_request_gets_the_same_bytes() -> None:
    body = json.dumps(make_request(CAREFUL)).encode()

    assert send_raw(body) == send_raw(body)


def test_a_request_without_a_schema_gets_a_plain_sentence() -> None:
    request = make_request()
    del request["response_format"]

    content = ask(request).choices[0].message.content or ""

    assert "rules, not a language model" in content


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        ask(make_request("some-other-model"))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"messages": []}, id="no messages"),
        pytest.param({"messages": [{"role": "user"}]}, id="a message without content"),
        pytest.param({"response_format": {"type": "json_schema"}}, id="no schema"),
        pytest.param({"stream": True}, id="streaming"),
    ],
)
def test_a_malformed_request_is_refused_in_the_shape_of_openai(changes: dict[str, Any]) -> None:
    status, body = send_raw(json.dumps(make_request(**changes)).encode())

    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"].endswith(".")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'"text"'])
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    assert send_raw(body)[0] == 400


def test_the_sdk_sees_a_bad_request_as_one() -> None:
    with pytest.raises(BadRequestError):
        ask(make_request(messages=[]))


def test_both_models_are_listed() -> None:
    status, body = send_raw(b"", "/v1/models", "GET")

    assert (status, [m["id"] for m in body["data"]]) == (200, [QUICK, CAREFUL])


def test_an_unknown_path_and_a_wrong_method_are_told_apart() -> None:
    assert send_raw(b"", "/v1/embeddings")[0] == 404
    assert send_raw(b"", method="GET")[0] == 405


def test_claims_that_are_no_json_are_a_bad_request() -> None:
    request = make_request(
        messages=[{"role": "user", "content": "<claims>\n{broken\n</claims>"}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "docmill_verdicts", "schema": {"type": "object"}},
        },
    )

    status, body = send_raw(json.dumps(request).encode())

    assert (status, "claims" in body["error"]["message"]) == (400, True)
