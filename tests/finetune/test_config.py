import pytest

from data.errors import Invalid, NotFound
from finetune.config import list_recipes, load_recipe, load_thresholds


def test_the_cards_recipe_has_the_cards_numbers():
    for name in ("starter-card", "llama3-8b-card"):
        recipe = load_recipe(name)
        assert (recipe.learning_rate, recipe.batch_size, recipe.epochs, recipe.log_steps) == (
            5e-5,
            16,
            3,
            100,
        )
        assert recipe.precision == "fp16"
    assert load_recipe("llama3-8b-card").model == "meta-llama/Meta-Llama-3-8B-Instruct"


@pytest.mark.parametrize("name", list_recipes())
def test_every_bundled_recipe_loads(name):
    assert load_recipe(name).seed == 1


def test_overrides_win_and_keep_their_kinds():
    recipe = load_recipe("starter", ["learning_rate=1e-4", "packing=no", "model=org/name"])
    assert (recipe.learning_rate, recipe.packing, recipe.model) == (1e-4, False, "org/name")


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("learning_rate=-1", "learning_rate='-1'"),
        ("batch_size=many", "batch_size='many'"),
        ("learning-rate=1", "learning-rate is no setting"),
        ("precision=fp8", "precision='fp8'"),
        ("seed", "'seed' is no override"),
    ],
)
def test_a_bad_value_gives_one_line_that_names_it(override, named):
    with pytest.raises(Invalid) as caught:
        load_recipe("starter", [override])
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_and_a_broken_file_are_said(tmp_path):
    with pytest.raises(NotFound, match="llama3-8b-card"):
        load_recipe("llama4")
    broken = tmp_path / "mine.yaml"
    broken.write_text("learning_rate: [")
    with pytest.raises(Invalid, match=r"mine\.yaml is not YAML"):
        load_recipe(str(broken))
    broken.write_text("just words")
    with pytest.raises(Invalid, match="no recipe"):
        load_recipe(str(broken))


def test_a_recipe_of_ones_own_is_a_file(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("learning_rate: 0.001\nepochs: 1\n")
    assert load_recipe(str(mine)).learning_rate == 0.001


def test_the_gate_lets_no_new_failure_through():
    limits = load_thresholds()
    assert (limits.max_new_guard_failures, limits.max_crisis_bypasses, limits.max_memorised) == (0, 0, 0)
