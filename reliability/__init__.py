"""Long trials of the promise "never a double order, never a lost one": each folder holds one kind of trial.

Trials run the product's own parts under faults and judge from witnesses that do not trust each other. They may import
everything; nothing of the product may import them, but for the commands that start them.
"""
