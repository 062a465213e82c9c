from .answer import ProgrammeEffects as ProgrammeEffects
from .answer import programme_effects as programme_effects
from .effect import ProgrammeEffect as ProgrammeEffect
from .rivals import RivalAnswer as RivalAnswer
from .rivals import RivalAnswers as RivalAnswers
from .rivals import rival_answers as rival_answers
