"""Names of devices, and of people."""

import pytest

from meeting_pipeline.domain.device_names import bare_name, is_device, owner_of


@pytest.mark.parametrize(
    "name",
    [
        *("iPhone", "iPhone 13 (2)", "IPAD", "华为 Mate 40 Pro", "HUAWEI P40", "小米 11", "小米10"),
        *("vivo X60", "OPPO Reno5", "SM-G9910", "ELE-AL00", "荣耀60", "Redmi Note 9", "Galaxy S21"),
        *("DESKTOP-4F2K9", "LAPTOP-ABC", "手机", "华为", " MacBook Pro\u200b"),
    ],
)
def test_a_device_is_known_by_its_name(name: str) -> None:
    assert is_device(name)
    assert owner_of(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "王小明",
        "小米",
        "荣耀",
        "Mike",
        "Macy",
        "Vivian",
        "Li Lei",
        "三星老师",
        "Amy-Lou",
        "用户123",
    ],
)
def test_people_are_no_devices(name: str) -> None:
    assert not is_device(name)
    assert owner_of(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("王小明的iPhone", "王小明的 iPad", "王小明（手机）", "王小明(电脑端)", "王小明-手机"),
        *("王小明 iPhone 12", "王小明_PC", "王小明的华为Mate 40", " 王小明 HUAWEI P40 "),
    ],
)
def test_a_device_may_be_named_after_its_owner(name: str) -> None:
    assert owner_of(name) == "王小明"


@pytest.mark.parametrize(
    "name", [" 王小明", "王小明 ", "\u3000王小明\u3000", "\ufeff 王小明\u200b "]
)
def test_blanks_around_a_name_are_not_part_of_it(name: str) -> None:
    assert bare_name(name) == "王小明"
