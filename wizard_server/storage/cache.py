"""Current states in memory, bounded by bytes; the least recently used go first."""

from collections import OrderedDict

from wizard_server.domain.record import Stamp, StateRecord

# What a record weighs beside its body: the objects, the keys and a compressed form of the body.
_OVERHEAD_BYTES = 1536


class StateCache:
    """The newest committed version of the states that are in use. All of it is in the database.

    `hits`, `misses` and `evictions` are counted from the start; a drop is no eviction.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._records: OrderedDict[str, StateRecord] = OrderedDict()
        self.size_bytes = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, investigation_id: str) -> bool:
        return investigation_id in self._records

    def holds(self, record: StateRecord) -> bool:
        """Whether the version that `record` has is the one in here."""
        known = self._records.get(record.investigation_id)
        return known is not None and known.version == record.version

    def get(self, investigation_id: str) -> StateRecord | None:
        """Return the record and note its use."""
        record = self._records.get(investigation_id)
        if record is None:
            self.misses += 1
            return None
        self.hits += 1
        self._records.move_to_end(investigation_id)
        return record

    def put(self, record: StateRecord) -> None:
        """Keep `record` as the newest version; others leave until it fits."""
        self.drop(record.investigation_id)
        if _weight(record) > self._max_bytes:
            return
        self._records[record.investigation_id] = record
        self.size_bytes += _weight(record)
        while self.size_bytes > self._max_bytes and self._records:
            _, oldest = self._records.popitem(last=False)
            self.size_bytes -= _weight(oldest)
            self.evictions += 1

    def drop(self, investigation_id: str) -> None:
        """Forget one state."""
        record = self._records.pop(investigation_id, None)
        if record is not None:
            self.size_bytes -= _weight(record)

    def owner(self, investigation_id: str) -> str | None:
        """Return the owner of a state that is in here; this does not count as use."""
        record = self._records.get(investigation_id)
        return None if record is None else record.user_id

    def stamp(self, investigation_id: str) -> Stamp | None:
        """Return the version of a state that is in here; this does not count as use."""
        record = self._records.get(investigation_id)
        return None if record is None else record.stamp

    def stamps(self) -> dict[str, Stamp]:
        """Return the version of each state."""
        return {key: record.stamp for key, record in self._records.items()}

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self.size_bytes = 0


def _weight(record: StateRecord) -> int:
    return len(record.opened) + _OVERHEAD_BYTES
