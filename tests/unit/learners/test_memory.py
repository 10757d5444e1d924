from rose_mpi.learners.memory import Memory


def test_values_of_all_models_come_in_the_order_of_the_models():
    memory = Memory(["m", "n"], None)
    memory.remember_values("prediction", "n", [2])
    memory.remember_values("prediction", "m", [0, 1])
    assert memory.values_of("prediction", "") == [0, 1, 2]
    assert memory.values_of("prediction", "n") == [2]


def test_values_of_a_stage_without_models_are_for_every_model():
    memory = Memory(["m", "n"], None)
    memory.remember_values("simulation", "", [7])
    assert memory.values_of("simulation", "n") == [7]
