"""Links within the built pages lead somewhere, others are well-formed, none is loaded.

python docs/_ext/check_links.py build/site
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {"script", "img", "iframe", "source", "video"}


def is_away(link):
    """Whether a link leads to another site."""
    return link.startswith("//") or urlsplit(link).scheme in {"http", "https"}


class Page(HTMLParser):
    """The places of a page, and where it leads."""

    def __init__(self, path):
        super().__init__()
        self.places, self.links, self.loaded = {"", "top"}, [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.places |= {found[name] for name in ("id", "name") if found.get(name)}
        links = [found[name] for name in ("href", "src") if found.get(name)]
        self.links += links
        if tag in LOADING or "stylesheet" in (found.get("rel") or ""):
            self.loaded += [link for link in links if is_away(link)]


def is_well_formed(link):
    """Whether an address that leads away could be one."""
    parts = urlsplit(link)
    if parts.scheme == "mailto":
        return "@" in parts.path
    host = parts.hostname or ""
    known = parts.scheme in {"http", "https"} and "." in host.strip(".")
    return known and not any(sign in link for sign in " <>\"'`{}")


def complaints(folder):
    """Return what is wrong, and how many pages and links there are."""
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    pages = {p: page for p, page in pages.items() if "_static" not in p.parts}
    wrong, n_inside, n_outside = [], 0, 0
    for path, page in pages.items():
        wrong += [f"{path}: loads from elsewhere: {link}" for link in page.loaded]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                n_outside += parts.scheme != "data"
                if parts.scheme != "data" and not is_well_formed(link):
                    wrong.append(f"{path}: no address: {link}")
                continue
            n_inside += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            if not target.exists():
                wrong.append(f"{path}: leads nowhere: {link}")
            elif target in pages and unquote(parts.fragment) not in pages[target].places:
                wrong.append(f"{path}: no such place: {link}")
    return wrong, len(pages), n_inside, n_outside


def main():
    """Say what was found; fail if anything is wrong."""
    wrong, n_pages, n_inside, n_outside = complaints(Path(sys.argv[1]))
    print("\n".join(wrong))
    print(
        f"{n_pages} pages, {n_inside} links within and {n_outside} away: {len(wrong)} wrong"
    )
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
