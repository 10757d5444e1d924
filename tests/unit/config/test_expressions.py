"""What adaptive expressions can do, and what they cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rose_mpi.config.expressions import Adaptive, evaluate
from rose_mpi.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100 + i*50", 250),
        ("0.01 * (0.9 ** i)", 0.01 * 0.9**3),
        ("min(64, 32 + i * 4)", 44),
        ("1 if i < 5 else 2", 1),
        ("round(sqrt(i + 1)) + abs(-i) + int(2.5) + float(1)", 8),
        ("exp(log(i)) // 1", 3),
        ("i > 2 and not i == 4", True),
        ("max(i, 10) % 4", 2),
    ],
)
def test_value(text, value):
    assert evaluate(text, 3) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not an expression"),
        ("i +", "is not an expression"),
        ("i; i", "is not an expression"),
        ("j", "there is no 'j'"),
        ("sin2(i)", "there is no function 'sin2'; there are abs"),
        ("__import__('os')", "there is no function"),
        ("i.real", "only arithmetic"),
        ("[i]", "only arithmetic"),
        ("(1, 2)[i]", "only arithmetic"),
        ("f'{i}'", "only arithmetic"),
        ("(lambda: 1)()", "only arithmetic"),
        ("[x for x in 'abc']", "only arithmetic"),
        ("i << 3", "only arithmetic"),
        ("min", "must give a number"),
        ("'text'", "must give a number"),
        ("None", "must give a number"),
        ("1j", "must give a number"),
        ("1 / i", "fails at i = 0: "),
        ("log(i)", "fails at i = 0: "),
        ("9**9**9", "fails at i = 0: "),
        ("(10**999)**999 * 10**999", "at i = 0"),
        ("1e308 * 10", "is inf at i = 0"),
    ],
)
def test_refused(text, message):
    with pytest.raises(ValueError) as caught:
        evaluate(text, 0)
    assert message in str(caught.value)


@given(st.text(alphabet="i0123456789.+-*/%()<>=, 'abesxpmnlogrtif_[]{}", max_size=30))
def test_any_text_gives_a_finite_number_or_a_value_error(text):
    try:
        value = evaluate(text, 1)
    except ValueError:
        return
    assert isinstance(value, int | float)


def test_a_later_failure_is_a_users_mistake():
    schedule = Adaptive({"--lr": "1 / (5 - i)"})
    assert schedule(4) == {"--lr": 1.0}
    with pytest.raises(UsageError, match=r"'1 / \(5 - i\)' fails at i = 5"):
        schedule(5)
