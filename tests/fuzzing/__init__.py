"""Bad input for every reader: samples, mutations, a judge, and the program that runs them.

`python -m tests.fuzzing.fuzz --reader=csv --count=100000 --out=faults` runs one reader for long;
`tests/test_readers.py` asks a few inputs of each.
"""
