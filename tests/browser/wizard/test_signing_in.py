"""Mode jwt in the browser: a token that expires while the page is open, and who sees what."""

from pathlib import Path

from selenium.webdriver import Chrome, Keys

from tests.acceptance.process import ServerProcess, run, until, write_config
from tests.browser.conftest import SECRET
from tests.browser.wizard.axe import AXE, violations
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import token
from tests.clients.node import installed


def test_a_token_that_expires_is_asked_for_again_and_what_was_typed_is_sent(driver: Chrome, tmp_path: Path) -> None:
    config = write_config(tmp_path, auth={"mode": "jwt", "jwt_secret": SECRET, "leeway_seconds": 0})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        wizard = WizardPage(driver, server.ready().url)
        wizard.open("/")
        wizard.sees("Sign in with a token")
        installed(AXE)
        assert violations(wizard) == []
        wizard.fill("textarea[name=token]", token(12))
        wizard.press(Keys.TAB + Keys.ENTER)
        wizard.click("New investigation")
        wizard.sees("Subject")
        identifier = wizard.path.split("/")[2]
        wizard.fill("input[name=name]", "Typed before")
        wizard.sees("Your token has expired", "signed out")
        wizard.press(Keys.ESCAPE)
        wizard.press(Keys.ESCAPE)
        wizard.sees_dialog(shown=True)
        assert wizard.value("input[name=name]") == "Typed before"
        wizard.fill("textarea[name=token]", token(600))
        wizard.press(Keys.TAB + Keys.ENTER)
        wizard.sees("live")
        wizard.open(f"/investigations/{identifier}#token={token(600)}")
        wizard.sees("Kept in this browser")
        assert wizard.path == f"/investigations/{identifier}"
        wizard.close()
    assert not server.complaints, server.stderr


def test_the_issuer_s_page_is_a_link_that_comes_back_with_a_token(driver: Chrome, tmp_path: Path) -> None:
    config = write_config(tmp_path, auth={"mode": "jwt", "jwt_secret": SECRET, "login_url": "http://127.0.0.1:1/login"})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        wizard = WizardPage(driver, server.ready().url)
        wizard.open("/")
        wizard.sees("Sign in with a token")
        until(lambda: driver.find_elements("link text", "Sign in at the issuer") != [], "a link to the issuer")
        link = driver.find_element("link text", "Sign in at the issuer")
        assert link.get_attribute("href") == "http://127.0.0.1:1/login"
        wizard.open(f"/#token={token()}")
        wizard.sees("Nothing investigated yet", "live")
        assert "token" not in driver.current_url
        wizard.close()


def test_nobody_learns_of_another_s_investigation_and_an_admin_reads_it(driver: Chrome, tmp_path: Path) -> None:
    config = write_config(tmp_path, auth={"mode": "jwt", "jwt_secret": SECRET})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        wizard = WizardPage(driver, server.ready().url)
        wizard.open(f"/#token={token(user='ann')}")
        wizard.click("New investigation")
        wizard.sees("Subject")
        path = wizard.path
        wizard.open(f"{path}#token={token(user='bob')}")
        wizard.sees("Not to be seen")
        wizard.click("All investigations")
        wizard.sees("Nothing investigated yet", "bob")
        wizard.open(f"/#token={token(user='root', scope='wizard:read wizard:admin')}")
        wizard.sees("Untitled draft", "ann")
        wizard.click("Untitled draft")
        wizard.sees("Read-only: this belongs to ann")
        assert not driver.execute_script("return document.querySelector('input[name=name]:enabled')")
        driver.execute_script("sessionStorage.clear()")
        wizard.close()
    assert not server.complaints, server.stderr
