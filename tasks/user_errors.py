"""What can a user cause or mend? It is told in one sentence, never as a traceback."""

from llms.failures import LlmError
from storage.store import LakeError
from tasks.books import BooksError
from tasks.jobs import JobError
from tasks.source_root import SourceError
from tasks.worker_link import WorkerError

USER_ERRORS = (JobError, SourceError, LakeError, LlmError, BooksError, WorkerError)
"""A run that is told to stop is among them."""
