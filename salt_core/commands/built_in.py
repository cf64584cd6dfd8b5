"""The commands that ``salt`` has by itself."""

from salt_core.commands import LazyCommand

#: The command that can be resumed when it is interrupted.
TRAINING = "fit"

#: The commands that say when there is something to tidy up, or have nothing; signals may end them at once before.
TIDYING = (TRAINING, "check", "validate", "test")

COMMANDS = {
    TRAINING: LazyCommand(
        "salt_core.commands.train:fit", "Train a model as YAML files and flags describe it."
    ),
    "check": LazyCommand(
        "salt_core.commands.check:check", "Look for everything that a training would trip over."
    ),
    "validate": LazyCommand(
        "salt_core.commands.train:validate", "Run a trained model over the validation sample."
    ),
    "test": LazyCommand(
        "salt_core.commands.train:test", "Evaluate a trained model and write its predictions."
    ),
    "submit": LazyCommand("salt_core.commands.submit:submit", "Submit a training to a batch system."),
    "jobs": LazyCommand("salt_core.commands.jobs:jobs", "List submitted jobs, and see to them."),
    "data": LazyCommand(
        "salt_core.commands.data:data", "Look at files of jets, and make what a training needs."
    ),
    "plugins": LazyCommand(
        "salt_core.commands.plugins:plugins", "List plugins, explain their options, and begin new ones."
    ),
    "completion": LazyCommand(
        "salt_core.commands.completion:completion", "Print what a shell needs to complete on TAB."
    ),
    "schema": LazyCommand(
        "salt_core.commands.schema:schema", "Write a JSON schema of YAML files, for editors."
    ),
}
