"""The codes of the fleet's messages; the form of a message is the house's (``building_block.messages``)."""

from enum import StrEnum


class FleetCode(StrEnum):
    """Stable codes: FL1xx the fleet's own files and words on the command line, FL2xx repositories, FL3xx forges,
    FL4xx campaigns, FL5xx a central Dagster."""

    FILE_YAML = "FL101"
    FILE_KEY = "FL102"
    FILE_VALUE = "FL103"
    NAME_UNKNOWN = "FL104"

    REMOTE = "FL201"
    NOT_ENROLLED = "FL202"
    HOSTILE = "FL203"
    BRANCH = "FL204"
    PUSH = "FL205"
    TIME = "FL206"
    CRASH = "FL207"

    FORGE = "FL301"
    FORGE_ACCESS = "FL302"
    FORGE_LIMIT = "FL303"

    PAUSED = "FL401"
    RING_CLOSED = "FL402"
    RING_FAILED = "FL403"

    CENTRAL = "FL501"
    LOCATION_FAILED = "FL502"
    LOCATION_FOREIGN = "FL503"
    UNPUBLISHED = "FL504"
