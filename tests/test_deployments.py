"""The deployments: real flows, valid parameters, and a run through a real server and worker."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from llms.simulator.scenario import Scenario
from llms.simulator.server import serve
from schemas.manifest import RunStatus
from storage.manifests import list_runs
from storage.store import Lake
from tests.conftest import PrefectServer
from tests.small_runs import invoices, run

ROOT = Path(__file__).resolve().parent.parent
DEPLOYMENTS = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_a_deployment_names_a_real_flow_and_valid_parameters(
    deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.chdir(ROOT)

    flow = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)

    flow.validate_parameters(deployment["parameters"])


def test_the_run_form_explains_every_parameter_of_a_job() -> None:
    from prefect.utilities.callables import parameter_schema

    from flows.pipeline import document_pipeline

    schema = parameter_schema(document_pipeline)
    job = schema.definitions["Job"]["properties"]

    assert [name for name, field in job.items() if not field.get("description")] == []


@pytest.fixture(scope="module")
def deployed(prefect_server: PrefectServer) -> PrefectServer:
    """The server, with what `deployments/prefect.yaml` says."""
    prefect_server.run("prefect", "work-pool", "create", "docmill", "--type", "process")
    prefect_server.run(
        "prefect",
        "--no-prompt",
        "deploy",
        "--all",
        "--prefect-file",
        "deployments/prefect.yaml",
    )
    return prefect_server


@pytest.mark.slow
class TestAgainstARealServer:
    """One server, one worker, three deployments."""

    def call(self, server: Any, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{server.api_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def start(self, server: Any, deployment: str, parameters: dict[str, Any]) -> str:
        """Start a run as the UI's form does; returns its id."""
        found = self.call(server, "GET", f"/deployments/name/{deployment}")
        path = f"/deployments/{found['id']}/create_flow_run"
        return str(self.call(server, "POST", path, {"parameters": parameters})["id"])

    def end_of(self, server: Any, worker: Any, run_id: str) -> dict[str, Any]:
        """The run, once the worker has carried it out."""
        for _ in range(600):
            found = self.call(server, "GET", f"/flow_runs/{run_id}")
            if found["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                break
            worker.wait_a_moment()
        return dict(found)

    def test_deploy_and_run_on_demand_and_backfill(
        self, deployed: PrefectServer, tmp_path: Path
    ) -> None:
        documents = tmp_path / "archive"
        for day in ("2026/01/05", "2026/02/07"):
            folder = documents / day
            folder.mkdir(parents=True)
            (folder / "note.txt").write_text(f"Invoice No: {day}\nTotal: EUR 12.00\n")
        job = {
            "name": "mine",
            "lake": str(tmp_path / "lake"),
            "source": {"path": str(documents)},
            "types": ["invoice"],
        }

        plan = {
            "job": job,
            "since": "2026-01-01",
            "until": "2026-03-01",
            "by": "path",
            "partition": "month",
        }
        with deployed.worker("docmill") as worker:
            run, backfill = (
                self.end_of(deployed, worker, self.start(deployed, name, parameters))
                for name, parameters in (
                    ("document-pipeline/on-demand", {"job": job}),
                    ("backfill/backfill", {"plan": plan}),
                )
            )

        assert (run["state_name"], backfill["state_name"]) == ("Completed", "Completed")
        manifests = [json.loads(p.read_text()) for p in tmp_path.glob("lake/runs/*/manifest.json")]
        assert sorted(m["extract"]["done"] for m in manifests) == [1, 1, 2]
        # What the run had done, the backfill did not do again.
        parts = [m for m in manifests if m["parent"]]
        assert [sum(s["reused"] for s in m["shards"]) for m in parts] == [1, 1]
        artifacts = self.call(deployed, "POST", "/artifacts/filter", {})
        assert {a["key"] for a in artifacts} >= {"cost", "report", "backfill"}

    def test_sigterm_parks_the_run_of_a_worker_and_it_goes_on_later(
        self, deployed: PrefectServer, tmp_path: Path
    ) -> None:
        job = {
            "name": "post",
            "lake": str(tmp_path / "lake"),
            "source": {"path": str(invoices(tmp_path / "docs", 24))},
            "types": ["invoice"],
            "profile": "openai",
            "concurrency": 4,
            "budget_usd": 9,
        }
        with serve(Scenario.of({"latency": 0.3}), own_process=True) as provider:
            keys = {"OPENAI_API_KEY": "not-a-key", "OPENAI_BASE_URL": provider.url}
            with deployed.worker("docmill", **keys) as worker:
                run_id = self.start(deployed, "document-pipeline/on-demand", {"job": job})
                while provider.stats().requests < 6:
                    worker.wait_a_moment()
                place = self.call(deployed, "GET", f"/flow_runs/{run_id}")["infrastructure_pid"]
                os.kill(int(place.rpartition(":")[2]), signal.SIGTERM)
                parked = self.end_of(deployed, worker, run_id)
            with pytest.MonkeyPatch.context() as patch:
                for name, value in keys.items():
                    patch.setenv(name, value)
                (manifest,) = list_runs(Lake(job["lake"]))
                done = run(manifest.job, os.environ, run_id=manifest.run_id)
            repeats = provider.stats().repeats

        assert (parked["state_type"], parked["state_name"]) == ("FAILED", "Parked")
        assert "the run was told to stop; resume whenever you like" in parked["state"]["message"]
        assert manifest.status is RunStatus.PARKED
        assert (done.status, done.extracted, repeats.paid) == (RunStatus.DONE, 24, 0)

    def test_the_command_runs_as_a_flow_on_the_server(
        self, prefect_server: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "note.txt").write_text("Invoice No: 1\nTotal: EUR 12.00\n")

        out = prefect_server.run(
            "docmill", "run", str(tmp_path / "note.txt"), "--out", str(tmp_path / "lake"), "--json"
        )

        summary = json.loads(out.splitlines()[-1])
        runs = self.call(prefect_server, "POST", "/flow_runs/filter", {})
        assert (summary["status"], summary["documents"]) == ("done", 1)
        assert [r["state_name"] for r in runs if r["parameters"].get("run_id") == summary["run_id"]]

    def test_a_job_that_cannot_start_is_a_failed_flow_run_that_says_why(
        self, prefect_server: Any, tmp_path: Path
    ) -> None:
        code = (
            "from flows import prefect_settings; prefect_settings.apply_defaults()\n"
            "from flows.pipeline import document_pipeline\n"
            "from schemas.job import Job\n"
            f"job = Job(profile='opnai', lake={str(tmp_path / 'lake')!r})\n"
            "print(document_pipeline(job, return_state=True).message)\n"
        )

        out = prefect_server.run("python", "-c", code)

        assert out.splitlines()[-1] == "there is no profile 'opnai'; did you mean 'openai'?"
        runs = self.call(prefect_server, "POST", "/flow_runs/filter", {})
        failed = [run["state"]["message"] for run in runs if run["state_type"] == "FAILED"]
        assert out.splitlines()[-1] in failed
        assert not (tmp_path / "lake").exists()

    def test_what_is_given_up_for_want_of_money_is_logged_and_an_artifact(
        self, prefect_server: Any, tmp_path: Path
    ) -> None:
        code = (
            "from flows import prefect_settings; prefect_settings.apply_defaults()\n"
            "import os, sys\n"
            "from flows.pipeline import run_flow\n"
            "from schemas.job import Job\n"
            "from tests.small_runs import run\n"
            "folder, os.environ['OPENAI_BASE_URL'] = sys.argv[1:]\n"
            "os.environ['OPENAI_API_KEY'] = 'any'\n"
            "usual = {'source': {'path': folder + '/docs'}, 'types': ['invoice'],\n"
            "    'profile': 'openai', 'concurrency': 2, 'verify': {'share': 0}}\n"
            "whole = run(Job(lake=folder + '/whole', **usual), os.environ)\n"
            "cap = 0.7 * whole.usd\n"
            "short = run_flow(Job(lake=folder + '/short', budget_usd=cap, **usual), None, None)\n"
            "print(short.model_dump_json())\n"
        )
        invoices(tmp_path / "docs", 40)

        with serve(Scenario.of({"answers": "offline"})) as provider:
            out = prefect_server.run("python", "-c", code, str(tmp_path), provider.url)

        done = json.loads(out.splitlines()[-1])
        (note,) = [note for note in done["notes"] if "the run may be parked" in note]
        runs = self.call(prefect_server, "POST", "/flow_runs/filter", {})
        # Other tests park runs on this server as well.
        jobs = {one["id"]: one["parameters"].get("job", {}) for one in runs}
        (run,) = [one for one in runs if jobs[one["id"]].get("lake") == done["lake"]]
        mine = {"logs": {"flow_run_id": {"any_": [run["id"]]}}}
        logs = self.call(prefect_server, "POST", "/logs/filter", mine)
        assert [line["level"] for line in logs if line["message"] == note] == [30]
        artifacts = self.call(prefect_server, "POST", "/artifacts/filter", {})
        (listed,) = [a for a in artifacts if a["key"] == "notes" and a["flow_run_id"] == run["id"]]
        assert f"* {note}" in listed["data"].splitlines()


@pytest.mark.slow
def test_the_command_runs_as_a_flow_without_any_server(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "home")}
    environment.pop("PREFECT_API_URL", None)
    (tmp_path / "note.txt").write_text("Invoice No: 1\nTotal: EUR 12.00\n")

    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "docmill"),
            "run",
            str(tmp_path / "note.txt"),
            "--out",
            str(tmp_path / "lake"),
            "--json",
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "done"


def _is_into(run: dict[str, Any], lake: Path) -> bool:
    """Whether a flow run is one into this lake: the server has those of other tests as well."""
    job = run["parameters"].get("job") or {}
    return bool(job.get("lake") == str(lake))
