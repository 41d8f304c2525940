from html.parser import HTMLParser

from lesionloop.reporting.markup import Markup, element, join


def test_text_and_attributes_are_escaped() -> None:
    evil = '"><script>alert(1)</script>&'
    html = element("p", evil, title=evil)
    assert "<script>" not in html
    found: list[tuple[str, dict[str, str | None]]] = []
    texts: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(html)
    assert found == [("p", {"title": evil})]
    assert "".join(texts) == evil


def test_elements_nest_and_join() -> None:
    inner = element("b", 3, None, " < ", 4)
    assert inner == "<b>3 &lt; 4</b>"
    assert element("p", inner, class_="x", hidden=True, id=None) == (
        '<p class="x" hidden><b>3 &lt; 4</b></p>'
    )
    assert element("img", src="a", http_equiv="b") == '<img src="a" http-equiv="b">'
    assert isinstance(join(inner, "&"), Markup)
    assert join(inner, "&") == "<b>3 &lt; 4</b>&amp;"
