"""The engine of Python programs, and what they describe tasks with."""

from rose_mpi.program.engine import Engine
from rose_mpi.program.workflow_engine import ResourceEngine, WorkflowEngine
from rose_mpi.tasks import Task

__all__ = ["Engine", "ResourceEngine", "Task", "WorkflowEngine"]
