"""Tables for the tests of `lstmx.data.timeseries`."""

import pandas as pd

from lstmx.data import timeseries as ts


def read(folder, content, **options):
    """The frame of a CSV file with this text or these bytes."""
    place = folder / "a.csv"
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ts.read(place, ts.TableSpec(**options))


def table(times, values=None, head="t,v", mark=","):
    """The text of a table of times and values; 0, 1, 2, ... where none are given."""
    values = range(len(times)) if values is None else values
    return f"{head}\n" + "".join(f"{time}{mark}{value}\n" for time, value in zip(times, values))


def dates(count, start="2020-01-01", step="D", form="%Y-%m-%d"):
    """Texts of regular times."""
    return [time.strftime(form) for time in pd.date_range(start, periods=count, freq=step)]


def column(frame, name=None):
    """The values of a column; of the first one without a name."""
    found = [c for c in frame.columns if name in (None, c.name)]
    return found[0].values
