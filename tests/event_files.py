"""TensorBoard's files of a run: what a reader of them sees."""

import struct

import numpy as np
from tensorboardX.proto import event_pb2


def check_events(run):
    """TensorBoard shows every value of the log once."""
    seen = {}
    for file in sorted(run.path.glob("events.out.*")):
        for event in events(file):
            if event.session_log.status == event.session_log.START:
                # TensorBoard drops what an earlier session wrote from this step on.
                seen = {key: v for key, v in seen.items() if key[0] < event.step}
            for value in event.summary.value:
                assert (event.step, value.tag) not in seen
                seen[event.step, value.tag] = value.simple_value
    logged = {
        (point["step"], key): np.float32(value)
        for point in run.metrics
        for key, value in point.items()
        if "/" in key
    }
    assert seen == logged


def events(file):
    """The records of an event file: length, checksum, content, checksum."""
    content = file.read_bytes()
    while len(content) >= 12:
        (size,) = struct.unpack("<Q", content[:8])
        if len(content) < size + 16:
            return
        yield event_pb2.Event.FromString(content[12 : 12 + size])
        content = content[size + 16 :]
