"""What may be the name of a label."""


def is_label_name(name: str) -> bool:
    """Whether the name is one: any text in UTF-8 but the empty one.

    Bytes of a query that are no UTF-8 are surrogates in its strings.
    """
    return bool(name) and not any("\ud800" <= char <= "\udfff" for char in name)
