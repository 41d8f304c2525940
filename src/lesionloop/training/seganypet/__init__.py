"""Training of the point-promptable network of ``networks.seganypet``; needs the extra ``train``.

`recipe` says what to train on, `objects` cuts single lesions out of studies, `clicks` draws the
simulated reader's points, `interaction` plays a whole loop of clicks as one forward pass,
`confident` mends noisy references (CPCL), `trainer` runs it all in one process or in several.
"""
