"""HTML built from elements, so that no text from outside can become markup.

Every piece of content is escaped unless it is `Markup`, which only `element` and the few places
that write trusted text of our own make.
"""

from html import escape

__all__ = ["Content", "Markup", "element", "join"]


class Markup(str):
    """Text that is already HTML."""

    __slots__ = ()


#: What an element may hold; numbers are written as they are, None is left out.
Content = Markup | str | int | float | None

#: HTML elements without an end tag that we use.
_VOID = frozenset({"meta", "img", "br"})


def element(tag: str, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """Return one element, everything escaped that is not `Markup`.

    Args:
        tag: name of the element, ours, never from outside.
        content: what it holds, in order.
        attributes: a trailing underscore is dropped (``class_``), the others become hyphens; None
            and False are left out, True stands alone.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(*content)}</{tag}>")


def join(*content: Content) -> Markup:
    """Return the contents after each other, escaped where they are not `Markup`."""
    return Markup(
        "".join(
            part if isinstance(part, Markup) else escape(str(part))
            for part in content
            if part is not None
        )
    )


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
