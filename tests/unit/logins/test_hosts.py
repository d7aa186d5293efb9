"""Which addresses a person may be sent to."""

import pytest

from stepherd.logins.hosts import ForeignAddress, check_identity_provider, check_verification_uri

PORTALS = [
    "https://view.awsapps.com/start",
    "https://d-1234567890.awsapps.com/start",
    "https://my-company.awsapps.com:443/start",
    "https://start.us-gov-home.awsapps.com/directory/d-1",
    "https://start.home.awsapps.cn/directory/d-1",
    "https://ssoins-1234567890abcdef.eu-west-1.portal.amazonaws.com",
    "https://ssoins-1234567890abcdef.cn-north-1.portal.amazonaws.com.cn/",
    "https://ssoins-1234567890abcdef.eusc-de-east-1.portal.amazonaws.eu/",
    "https://ssoins-1234567890abcdef.portal.us-east-1.app.aws",
    "https://ssoins-1234567890abcdef.portal.cn-north-1.app.amazonwebservices.com.cn",
    "https://ssoins-1234567890abcdef.portal.eusc-de-east-1.api.amazonwebservices.eu",
]
DEVICES = [
    "https://device.sso.us-east-1.amazonaws.com/?user_code=ABCD-EFGH",
    "https://device.sso.us-gov-west-1.amazonaws.com/",
    "https://device.sso.cn-north-1.amazonaws.com.cn/",
    "https://view.awsapps.com/start/#/device?user_code=ABCD-EFGH",
]
FOREIGN = [
    "",
    "view.awsapps.com/start",
    "http://view.awsapps.com/start",
    "ftp://view.awsapps.com/start",
    "javascript:alert(1)//view.awsapps.com",
    "https://awsapps.com/start",
    "https://awsapps.com.evil.example/start",
    "https://evil.example/?x=https://view.awsapps.com/start",
    "https://view-awsapps.com/start",
    "https://view.awsapps.com.evil.example/start",
    "https://view.awsapps.com@evil.example/start",
    "https://user@view.awsapps.com/start",
    "https://user:word@view.awsapps.com/start",
    "https://evil.example\\@view.awsapps.com/start",
    "https://evil.example\\.awsapps.com/start",
    "https://view.awsapps.com:8443/start",
    "https://view.awsapps.com:/start",
    "https://view.awsapps.com./start",
    "https://.awsapps.com/start",
    "https://-x.awsapps.com/start",
    "https://xn--vew-9ua.awsapps.com/start",
    "https://v\u0131ew.awsapps.com/start",
    "https://view.\u0430wsapps.com/start",
    "https://view\u3002awsapps.com/start",
    "https://view.awsapps.com/\x1b[31m",
    "https://view.awsapps.com/start\nX: y",
    "https://view.awsapps.com/ start",
    "https://view.awsapps.com\t/start",
    "https://view.awsapps.com/\u202estart",
    "https://%76iew.awsapps.com/start",
    "https://[view.awsapps.com/start",
    "https://[::1]/start",
    "https://127.0.0.1/start",
    "https://portal.amazonaws.com/start",
    "https://x.portal.amazonaws.com/start",
    "https://a.b.us-east-1.portal.amazonaws.com/start",
    "https://x.portal.evil.app.aws/start",
    "https://evil.app.aws/start",
    "https://device.sso.evil.amazonaws.com/",
    "https://evil.s3.us-east-1.amazonaws.com/",
    f"https://view.awsapps.com/{'a' * 2_100}",
]


@pytest.mark.parametrize("url", PORTALS)
def test_access_portals_of_every_partition_are_known(url: str) -> None:
    assert check_identity_provider(url) == url.replace(":443", "").rstrip("/")
    assert check_verification_uri(url) == url


@pytest.mark.parametrize("url", DEVICES)
def test_pages_for_codes_are_known(url: str) -> None:
    assert check_verification_uri(url) == url


def test_a_page_for_codes_is_no_identity_provider() -> None:
    with pytest.raises(ForeignAddress):
        check_identity_provider(DEVICES[0])


@pytest.mark.parametrize("url", FOREIGN)
def test_any_other_address_is_refused_and_shown_without_control_characters(url: str) -> None:
    for check in (check_identity_provider, check_verification_uri):
        with pytest.raises(ForeignAddress) as caught:
            check(url)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "https://d-1.awsapps.com/start/#/",
        "https://D-1.AWSapps.com/start",
        "HTTPS://d-1.awsapps.com/start/",
        "https://d-1.awsapps.com:443/start",
    ],
)
def test_a_start_url_is_the_same_however_it_is_written(url: str) -> None:
    assert check_identity_provider(url) == "https://d-1.awsapps.com/start"
    assert check_identity_provider("https://d-1.awsapps.com/START") != "https://d-1.awsapps.com/start"


def test_hosts_of_the_users_own_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPHERD_LOGIN_HOSTS", "login.example.com, 127.0.0.1:8080,idp.example.com:8443")
    good = ("https://login.example.com/x", "https://LOGIN.example.com:443/", "http://127.0.0.1:8080/start")
    for url in (*good, "https://idp.example.com:8443/"):
        check_identity_provider(url)
    for url in (
        "http://login.example.com/x",
        "https://a.login.example.com/",
        "https://login.example.com:8443/",
        "http://127.0.0.1:8081/start",
        "http://127.0.0.1/start",
        "https://idp.example.com/",
        "https://x@login.example.com/",
        "http://127.0.0.1:8080@evil.example/",
    ):
        with pytest.raises(ForeignAddress):
            check_identity_provider(url)
