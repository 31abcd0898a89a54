"""Names that meeting clients take from a device, and the person that they may name, too."""

import re

_BRAND = (
    r"i(?:phone|pad|pod|mac)|macbook|华为|huawei|荣耀(?=[\s\da-z])|honor(?=\s?\d)|xiaomi|redmi|红米"
    r"|小米(?=\s?[\da-z])|mi(?=\s?\d)|oppo|vivo|samsung|三星|galaxy(?=\s?\w)|sm-(?=\w)|oneplus|一加"
    r"|realme|真我|魅族|meizu|pixel(?=\s?\d)|nokia|android|安卓|thinkpad|surface"
    r"|(?:desktop|laptop|win|pc)-(?=\w)|[a-z]{3}-[a-z]{2}\d{2}\b"
)
_KIND = r"手机|电脑|平板|笔记本|手机端|电脑端|移动端|pc|pad|mac|phone|mobile|laptop"
_MODEL = r"(?:[a-z0-9_\s\-+.()（）·'’]|畅享|畅玩|青春版|系列|手机|平板|电脑)*"
_DEVICE = re.compile(rf"(?:(?:{_BRAND}){_MODEL}|(?:{_KIND})(?:端|版)?[\s\d]*)", re.IGNORECASE)
_OF_A_PERSON = re.compile(
    rf"(?P<person>.*?\w)\s*(?:的|['’]s\b)?[\s_·\-—]*[（(\[【]?\s*(?<![a-z])(?:"
    rf"(?:{_BRAND}){_MODEL}|(?:{_KIND})(?:端|版)?[\s\d]*)\s*[)）\]】]?",
    re.IGNORECASE,
)
_BLANKS = "\u200b\u200c\u200d\u2060\ufeff"


def bare_name(name: str) -> str:
    """Return a name without the blanks around it, visible or not."""
    while (shorter := name.strip().strip(_BLANKS)) != name:
        name = shorter
    return name


def is_device(name: str) -> bool:
    """Return whether a name is that of a device alone: "iPhone", "华为 Mate 40", "DESKTOP-4F2K"."""
    return bool(_DEVICE.fullmatch(bare_name(name)))


def owner_of(name: str) -> str | None:
    """Return the person in the name of a person's device ("王小明的iPhone"), or None."""
    name = bare_name(name)
    if is_device(name):
        return None
    found = _OF_A_PERSON.fullmatch(name)
    return found["person"].strip() if found else None


def plainness(name: str) -> int:
    """Return 2 for the name of a person, 1 for that of a person's device, 0 for a device's."""
    return 0 if is_device(name) else 1 if owner_of(name) else 2
