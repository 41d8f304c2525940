"""Structured reports of a study, written from its quantities by templates that are data.

Every sentence carries the numbers that it states and where each of them stands in the files of
``lesionloop quantify``. What was not measured is "not assessed", never "normal".
"""
