"""Where a backdoor lives: with known triggers, what heads, layers and one vector have to do with it.

After Backdoor Attribution (BkdAttr), "Backdoor Attribution: Elucidating and Controlling Backdoor in Language Models".
There it is generators: outputs are put in at the last token, of which the next one is read. A text classifier reads its
first token, so that is the place here; one that reads the mean of all has them put in at every token. The vector is
that of the first token in any case.
"""
