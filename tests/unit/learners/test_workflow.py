"""Tasks that a loop of the user's own calls."""

import pickle

from rose_mpi.learners.learner import Learner
from rose_mpi.tasks import Pickled
from tests.unit.learners.engine import FakeEngine
from tests.unit.learners.fake import FakeExecutor

UNPACKED = []


def unpacked(number):
    UNPACKED.append(number)
    return {"number": number}


class Packed:
    def __reduce__(self):
        return unpacked, (5,)


def test_a_value_that_json_cannot_say_is_unpacked_once():
    value = Pickled(pickle.dumps(Packed()))
    learner = Learner(FakeEngine(FakeExecutor({"simulation": value})))
    simulation = learner.simulation_task(lambda: "program")
    assert simulation().result(10) == {"number": 5}
    assert UNPACKED == [5]


def test_what_tasks_of_the_learner_itself_make_known_is_its_state():
    engine = FakeEngine(FakeExecutor({"simulation": {"loss": 0.5}, "criterion": 0.9}))
    learner = Learner(engine)
    simulation = learner.simulation_task(lambda: "program")
    check = learner.as_stop_criterion("accuracy", 0.8, ">")(lambda: "program")
    learner.register_state("rate", 0.1)
    simulation().result(10)
    assert learner.get_all_state() == {"rate": 0.1, "loss": 0.5}
    assert check() == (True, 0.9)
    assert learner.get_all_state() == {}
    assert [state.state for state in engine.states()] == [{"rate": 0.1, "loss": 0.5}]
