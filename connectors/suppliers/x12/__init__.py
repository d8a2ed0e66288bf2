"""ANSI X12 as one partner uses it: orders and changes out, answers, ship notices and hints in.

`syntax` reads what comes, however damaged; `wire` writes, and refuses what it cannot write. `partner` is the profile,
`writing` the 850 and 860, `answers` the 855 and 865, `ship_notices` the 856, `hints` the 846, 870 and 810,
`syntax_answers` the 997 and TA1 that come, `acknowledging` those that we owe. `codec` joins them.
"""
