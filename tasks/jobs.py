"""Where a job comes from: a docmill.yaml, a folder, a gold folder or a single file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.documents import SHIPPED, shipped_type
from schemas.fields import DocumentType, FieldSpec
from schemas.job import Job, Source, TypeRef
from schemas.roles import Role
from schemas.setting_errors import first_problem
from tasks.selection import compile_globs

JOB_FILE = "docmill.yaml"


class JobError(Exception):
    """The job cannot be understood; the message says what is wrong, where, and what to do."""


def load_job(path: str, overrides: Mapping[str, Any] | None = None) -> Job:
    """Make a job of what a person pointed at.

    Args:
        path: A job file (`*.yaml`), a folder that holds a `docmill.yaml`, a gold folder
            (`documents/` with `fields.json`), or any folder, file, archive or mailbox.
        overrides: Values that take the place of the job's own, by field name; `source` merges.

    Returns:
        The job with its types spelled out and its source path absolute.

    Raises:
        JobError: The path does not exist or the job file does not describe a valid job.
    """
    target = Path(path).expanduser()
    if not target.exists():
        raise JobError(f"{path} does not exist; give a folder, a file or a {JOB_FILE}")
    if target.is_file() and target.suffix in {".yaml", ".yml"}:
        return _from_file(target, overrides or {})
    if (target / JOB_FILE).is_file():
        return _from_file(target / JOB_FILE, overrides or {})
    return _from_place(target, overrides or {})


def models_named(options: Sequence[str]) -> dict[str, str]:
    """The models that `--model role=name` flags name, by role.

    Raises:
        JobError: A flag is not of that form, names no role, or names one twice.
    """
    named: dict[str, str] = {}
    for option in options:
        role, _, name = (part.strip() for part in option.partition("="))
        if role not in set(Role) or not name:
            roles = ", ".join(one.value for one in Role)
            raise JobError(f"--model {option!r} is not role=name with a role among {roles}")
        if role in named:
            raise JobError(f"--model names the role {role} twice: {named[role]} and {name}")
        named[role] = name
    return named


def _from_file(file: Path, overrides: Mapping[str, Any]) -> Job:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"{file} cannot be read: {_one_line(error)}") from None
    return job_of_text(text, file, overrides)


def job_of_text(text: str, file: Path, overrides: Mapping[str, Any] | None = None) -> Job:
    """The job that a file of this content describes; the file itself need not be there.

    Raises:
        JobError: It does not describe a valid job.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise JobError(f"{file} is not valid YAML: {_one_line(error)}") from None
    if not isinstance(raw, dict):
        raise JobError(f"{file} must hold a mapping with keys such as source and types")
    raw = {"name": _job_name(file.resolve().parent.name), **raw}
    job = _validated(raw, overrides or {}, where=str(file))
    source = Path(job.source.path).expanduser()
    absolute = source if source.is_absolute() else file.resolve().parent / source
    return expand(job.model_copy(update={"source": _at(job.source, absolute)}))


def _from_place(place: Path, overrides: Mapping[str, Any]) -> Job:
    place = place.resolve()
    raw: dict[str, Any] = {"name": _job_name(place.stem if place.is_file() else place.name)}
    if (place / "fields.json").is_file() and (place / "documents").is_dir():
        # Imported here: only evaluation and gold folders need it.
        from tasks.gold import GoldError, document_types, load_gold

        try:
            raw["types"] = [t.model_dump() for t in document_types(load_gold(place))]
        except GoldError as error:
            raise JobError(str(error)) from None
        place = place / "documents"
    job = _validated(raw, overrides, where=str(place))
    return expand(job.model_copy(update={"source": _at(job.source, place)}))


def _at(source: Source, path: Path) -> Source:
    return source.model_copy(update={"path": str(path)})


def _validated(raw: dict[str, Any], overrides: Mapping[str, Any], *, where: str) -> Job:
    merged = {**raw}
    if isinstance(merged.get("models"), str):
        # `models: pin` is short for a mapping, to which a flag may add.
        merged["models"] = {"selection": merged["models"]}
    for key, value in overrides.items():
        both_map = isinstance(value, Mapping) and isinstance(merged.get(key, {}), dict)
        merged[key] = {**merged.get(key, {}), **value} if both_map else value
    try:
        return Job.model_validate(merged)
    except ValidationError as error:
        problem, place = first_problem(error, Job), error.errors()[0]["loc"][:1]
        if place and isinstance(overrides.get(str(place[0])), str):
            # An option of the command is wrong and not the file.
            raise JobError(f"--{problem.replace('_', '-', 1)}") from None
        raise JobError(f"{where}: {problem}") from None


def expand(job: Job) -> Job:
    """The job with every document type spelled out, so that a manifest explains itself.

    Raises:
        JobError: A type is named that docmill does not ship, the fallback is none of the types, or
            a glob is none.
    """
    types = tuple(_expanded(entry, job.name) for entry in job.types)
    names = [t.name for t in types]
    if job.fallback_type is not None and job.fallback_type not in names:
        if job.fallback_type not in SHIPPED:
            raise JobError(
                f"job {job.name!r}: fallback_type {job.fallback_type!r} is none of its types "
                f"({', '.join(names)}) and none that docmill ships ({', '.join(SHIPPED)})"
            )
        types += (shipped_type(job.fallback_type),)
    _check_globs(job.name, "source.include", job.source.include)
    _check_globs(job.name, "source.exclude", job.source.exclude)
    for kind in types:
        _check_globs(job.name, f"match of type {kind.name!r}", kind.match)
    return job.model_copy(update={"types": types})


def _check_globs(job: str, place: str, globs: tuple[str, ...]) -> None:
    for glob in globs:
        try:
            compile_globs((glob,))
        except re.error as error:
            raise JobError(f"job {job!r}: {place}: {glob!r} is no glob: {error.msg}") from None


def document_types(job: Job) -> tuple[DocumentType, ...]:
    """The document types of an expanded job."""
    return tuple(t for t in job.types if isinstance(t, DocumentType))


def _expanded(entry: DocumentType | TypeRef | str, job: str) -> DocumentType:
    if isinstance(entry, DocumentType):
        return entry
    name = entry if isinstance(entry, str) else entry.use
    if name not in SHIPPED:
        raise JobError(
            f"job {job!r}: docmill ships no document type {name!r}; it ships "
            f"{', '.join(SHIPPED)}, or describe one with name and fields"
        )
    shipped = shipped_type(name)
    if isinstance(entry, str):
        return shipped
    kept = _kept(shipped, entry.keep, job)
    try:
        return DocumentType(
            **{**dict(shipped), "match": entry.match, "fields": (*kept, *entry.extra_fields)}
        )
    except ValidationError as error:
        raise JobError(f"job {job!r}: {first_problem(error, DocumentType)}") from None


def _kept(shipped: DocumentType, names: Sequence[str], job: str) -> tuple[FieldSpec, ...]:
    known = [spec.name for spec in shipped.fields]
    if unknown := [name for name in names if name not in known]:
        raise JobError(
            f"job {job!r}: keep: the type {shipped.name} ships no field {unknown[0]!r}; it ships "
            f"{', '.join(known)}"
        )
    return shipped.subset(set(names)).fields if names else shipped.fields


def _job_name(raw: str) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "-", raw).strip("-._")
    return cleaned[:63] or "documents"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
