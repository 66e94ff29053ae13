"""Stage commentary: what a letter says in words. A language model only narrates; figures, names and quotes are ours.

`facts` (named values) → `paragraphs` (which paragraph may speak of which facts) → `template` (prose that is always
there) or `prompting` (what a language model is asked) → `check` (what of its prose is taken) → `narrate`.
"""
