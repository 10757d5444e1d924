from rose_mpi.uq.registry import UQ_REGISTRY, adopt_metric, find_metric, register_uq


def test_an_adopted_function_keeps_what_it_said_of_itself():
    @register_uq("adopted_for_a_test", task_types=("regression",), minimise=True)
    def known(scorer, predictions):
        return predictions[0]

    def unknown(scorer, predictions):
        return predictions[0]

    try:
        adopt_metric("module:known", known)
        adopt_metric("module:unknown", unknown)
        assert find_metric("module:known").minimise
        assert find_metric("module:known").task_types == ("regression",)
        assert not find_metric("module:unknown").minimise
    finally:
        for name in ("adopted_for_a_test", "module:known", "module:unknown"):
            UQ_REGISTRY.pop(name, None)
