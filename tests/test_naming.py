"""An error about an argument names the class that the user wrote."""

import inspect

import pytest
from sklearn.base import BaseEstimator

import ensembles
from ensembles.naming import named_here

PUBLIC = [
    one
    for one in (getattr(ensembles, name) for name in ensembles.__all__)
    if inspect.isclass(one) and issubclass(one, BaseEstimator)
]


@pytest.mark.parametrize("public", PUBLIC)
def test_a_misspelled_argument_is_an_error_of_the_public_class(public):
    with pytest.raises(TypeError, match=rf"^{public.__name__}\.__init__\(\) got an unexpected"):
        public(n_estimator=3)


@pytest.mark.parametrize(
    "public", [one for one in PUBLIC if one.__name__.startswith(("Grad", "Hist"))]
)
def test_a_misspelled_argument_of_fit_is_an_error_of_the_public_class(public):
    with pytest.raises(TypeError, match=rf"^{public.__name__}\.fit\(\) got an unexpected"):
        public().fit([[1.0], [2.0]], [0, 1], sample_weights=[1, 1])


def test_the_copy_is_the_function_it_was_copied_from():
    class Hidden:
        def __init__(self, size, *, colour="red"):
            self.given = (size, colour)

        def fit(self, X, y=None):
            """Fit."""
            return __class__

    @named_here
    class Shown(Hidden):
        def __init__(self, size):
            super().__init__(size, colour="blue")

    assert Shown(3).given == (3, "blue")
    assert Shown(3).fit(None) is Hidden
    assert inspect.signature(Shown.fit) == inspect.signature(Hidden.fit)
    assert Shown.fit.__doc__ == "Fit."
    assert Hidden.fit.__qualname__.endswith("Hidden.fit")
    assert Shown.fit.__qualname__.endswith("Shown.fit")


def test_a_class_of_the_user_keeps_what_it_inherits():
    class Mine(ensembles.GradientBoostingClassifier):
        pass

    assert Mine(n_estimators=3).get_params()["n_estimators"] == 3
    with pytest.raises(TypeError, match=r"^GradientBoostingClassifier\.__init__\(\)"):
        Mine(n_estimator=3)


@pytest.mark.parametrize("public", [one for one in PUBLIC if hasattr(one, "fit")])
def test_editors_know_that_fit_returns_the_estimator(public):
    assert inspect.signature(public.fit).return_annotation in ("Self", public.__name__)
    assert inspect.get_annotations(named_here) == {"cls": "Class", "return": "Class"}
