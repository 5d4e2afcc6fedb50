"""Words that say nothing by themselves, and words that only begin sentences."""

from __future__ import annotations

_ENGLISH = """
a about after again all also am an and any are as at be because been before but by can could did do does
doing done for from get give given go got had has have he her here hers him his how i if in into is it
its just know let like ll made make may me might mine more most much must my no not now of off ok okay on
once one only or our out over please re said say she should so some still such tell than that the their
them then there these they this those to too told us ve very was we were what when where which while who
whom whose why will with would yes yet you your yours remember remind again earlier mentioned call called
name named
"""
_BEGINNINGS = """
absolutely actually although another anyway both certainly cool every everything finally first great
hello hey hi hmm however i'd i'll i'm i've it's instead last later maybe me nice next nothing oh perfect
perhaps right sorry second since something sure thank thanks that's there's third today tomorrow under
until up well what's whether wow yesterday you'll you're let's can't don't doesn't didn't isn't won't
here's during without within many each few several two three four five six seven eight nine ten set use
make write add try think take put keep show find help explain january february march april june july
august september october november december jan feb mar apr jun jul aug sep sept oct nov dec monday
tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays
sundays
"""
STOPWORDS = frozenset(_ENGLISH.split())
BEGINNINGS = STOPWORDS | frozenset(_BEGINNINGS.split())
"""What has a capital at the beginning of a sentence and is no name."""
WEAK_CHARACTERS = frozenset("的了吗呢是我你他她它在有和么什怎哪谁这那就都也很吧啊把被给对请")
WEAK_PAIRS = frozenset(("什么", "怎么", "多少", "哪里", "我们", "你们", "告诉", "记得", "还有", "一个"))
