"""A person at the page, in a headless Chromium: types, picks with the keyboard, reads the lists.

`make browser-test` runs it. It needs the extra `browser`, and Chromium: the one on the path, or
that of `playwright install chromium`.
"""

import re
import shutil

import pytest
import served
from playwright.sync_api import expect, sync_playwright
from tried import EVIL

pytestmark = pytest.mark.browser

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SLOW = 60_000  # milliseconds; a champion is loaded when it is first asked


@pytest.fixture
def tab(page):
    """A tab of the page on a phone, with what it asked of other hosts and its errors."""
    expect.set_options(timeout=SLOW)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        tab = browser.new_page(viewport={"width": 360, "height": 740})
        problems = []
        tab.on(
            "request", lambda asked: problems.append(asked.url) if elsewhere(asked.url) else None
        )
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("dialog", lambda dialog: problems.append(dialog.message) or dialog.dismiss())
        tab.goto(f"http://{served.LOOPBACK}:{page.port}/", wait_until="domcontentloaded")
        yield tab
        assert problems == []
        browser.close()


def found(tab):
    return tab.get_by_role("listbox", name="Titles found").get_by_role("option")


def elsewhere(url):
    return [] if re.match(rf"http://{re.escape(served.LOOPBACK)}:\d+/|data:", url) else [url]


def test_a_person_picks_titles_by_keyboard_and_reads_what_each_champion_recommends(tab):
    search, lists = tab.get_by_role("combobox", name="What do you like?"), tab.locator("#lists")
    expect(lists).to_contain_text("The most popular titles, until you pick one.")
    expect(search).to_be_focused()
    search.press_sequentially("the matrix")
    options = found(tab)
    expect(options).to_have_count(2)
    second = options.nth(1).inner_text()
    search.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    search.press("Enter")
    picks = tab.get_by_role("list", name="What you like")
    expect(picks).to_contain_text(second)
    expect(lists).to_contain_text(f"because of {second}")
    expect(tab.get_by_role("status")).to_have_text("Lists for 1 pick: ease")
    expect(lists.get_by_role("listitem")).to_have_count(10)

    tab.locator("label.pill").filter(has_text="itemknn").click()
    expect(lists.locator("article")).to_have_count(2)
    expect(tab.get_by_role("status")).to_have_text("Lists for 1 pick: ease, itemknn")
    tab.get_by_role("button", name=f"Remove {second}").press("Enter")
    expect(search).to_be_focused()
    expect(lists.locator("article").nth(1)).to_contain_text("The most popular titles")


def test_similar_titles_are_shown_beside_each_other_and_can_be_picked(tab):
    search = tab.get_by_role("combobox", name="What do you like?")
    search.press_sequentially("the matrix")
    expect(found(tab)).to_have_count(2)
    title = found(tab).first.inner_text()
    search.press("Enter")
    picks = tab.get_by_role("list", name="What you like")
    picks.get_by_role("button", name=f"Similar to {title}").press("Enter")

    similar = tab.get_by_role("region", name=f"Similar to {title}")
    expect(similar.get_by_role("listitem")).to_have_count(10)
    similar.get_by_role("button", name="Pick ").first.click()
    expect(picks.get_by_role("listitem")).to_have_count(2)
    similar.get_by_role("button", name="Close").press("Enter")
    expect(similar).to_be_hidden()


def test_a_title_that_is_markup_is_read_as_it_is_written(tab):
    search = tab.get_by_role("combobox", name="What do you like?")
    search.press_sequentially("<script>")
    expect(found(tab)).to_have_text(EVIL)
    search.press("Enter")
    expect(tab.get_by_role("list", name="What you like")).to_contain_text(EVIL)
    expect(tab.locator("#lists .why").first).to_have_text(f"because of {EVIL}")
    assert tab.locator("main script").count() == 0


def test_a_user_is_shown_with_ratings_and_a_bad_id_with_the_words_of_the_model(tab):
    user = tab.get_by_label("A known user (id)")
    user.fill("3")
    user.press("Enter")
    expect(tab.locator("#ratings summary")).to_contain_text("What user 3 rated: ")
    expect(tab.get_by_role("status")).to_have_text("Lists for user 3: ease")
    user.fill("ann")
    user.press("Enter")
    expect(tab.locator("#lists")).to_contain_text("user_id has 'ann', and ids must be integers")


def test_the_page_is_no_wider_than_a_phone_and_every_control_has_a_name(tab):
    expect(tab.get_by_role("table")).to_contain_text("0.4000")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    unnamed = "el => !(el.labels?.length || el.getAttribute('aria-label') || el.textContent.trim())"
    controls = tab.locator("button, input, select")
    assert controls.evaluate_all(f"all => all.filter({unnamed}).length") == 0
    assert controls.count() > 15
