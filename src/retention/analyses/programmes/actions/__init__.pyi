from .action import Action as Action
from .answer import Actions as Actions
from .answer import actions as actions
