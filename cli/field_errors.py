"""What pydantic found wrong with a field, in words for the person who wrote the file."""

from pydantic_core import ErrorDetails


def in_words(error: ErrorDetails) -> str:
    """The reason alone; the caller knows how its readers find the field."""
    match error["type"]:
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            return "is not of the expected shape"
        case "too_short":
            return "is empty; give at least one"
        case _:
            said = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            return said[:1].lower() + said[1:]
