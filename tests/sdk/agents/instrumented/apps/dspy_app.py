"""A program of DSPy's, which calls its model through litellm."""

import sys

import dspy

import belvedere

belvedere.init(instrument=sys.argv[2:])
model = dspy.LM("openai/gpt-4o-mini", api_base=f"{sys.argv[1]}/v1", api_key="any", cache=False)
with dspy.context(lm=model):
    print(dspy.Predict("question -> answer")(question="capital?").answer)
