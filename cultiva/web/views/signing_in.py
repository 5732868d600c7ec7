"""Signing in and out, and the person's own choices: language, workspace."""

from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cultiva.accounts.actions import record_audit, use_sign_in_link, workspaces_of
from cultiva.accounts.models import LANGUAGES, SignInLink, User
from cultiva.accounts.signing_in import may_try, record_failure
from cultiva.lib import clock
from cultiva.lib.database import workspace_scope
from cultiva.lib.signing import hash_token
from cultiva.mailing.actions import send_sign_in_link
from cultiva.web.middleware import LANGUAGE_KEY

BACKEND = "cultiva.accounts.signing_in.PasswordBackend"


class PasswordForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "username"})
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


class LinkForm(forms.Form):
    link_email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "username"})
    )


def sign_in(request: HttpRequest) -> HttpResponse:
    """Password or link; the answer never tells whether an address is known."""
    if request.user.is_authenticated and "again" not in request.GET:
        return redirect(safe_next(request))
    how = request.POST.get("how")
    form = PasswordForm(request.POST if how == "password" else None)
    link_form = LinkForm(request.POST if how == "link" else None)
    if how == "password" and form.is_valid() and try_password(request, form):
        return redirect(safe_next(request))
    if how == "link" and link_form.is_valid():
        ask_for_link(request, link_form.cleaned_data["link_email"])
        return redirect("web:sign_in")
    context = {"form": form, "link_form": link_form, "next": request.GET.get("next", request.POST.get("next", ""))}
    return render(request, "web/sign_in.html", context, status=422 if how else 200)


def try_password(request: HttpRequest, form: PasswordForm) -> bool:
    at, email, address = clock.now(), form.cleaned_data["email"], request.META.get("REMOTE_ADDR", "")
    if not may_try(email=email, address=address, at=at):
        form.add_error(None, _("Too many tries. Wait ten minutes, or ask for a one-time link."))
        return False
    user = authenticate(request, email=email, password=form.cleaned_data["password"])
    if user is None:
        record_failure(email=email, address=address, at=at)
        form.add_error(None, _("E-mail or password is not right."))
        return False
    enter(request, user, how="password")
    return True


def ask_for_link(request: HttpRequest, email: str) -> None:
    """Sends a link to a user of some workspace; says the same to everybody."""
    at, address = clock.now(), request.META.get("REMOTE_ADDR", "")
    user = User.objects.with_email(email).filter(is_active=True).first()
    places = workspaces_of(user) if user else []
    if user and places and may_try(email=email, address=address, at=at):
        record_failure(email=email, address=address, at=at)  # links count as tries: nobody's inbox is flooded
        send_sign_in_link(workspace_id=places[0]["id"], user=user, at=at)
    messages.success(request, _("If this address is known here, a link is on its way. It works once, for 30 minutes."))


def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """A GET, which mail scanners follow too, shows a button; the POST uses the link up."""
    if request.method == "POST":
        user = use_sign_in_link(token=token, at=clock.now())
        if user is not None:
            enter(request, user, how="link")
            return redirect("web:home")
    else:
        link = SignInLink.objects.filter(
            token_hash=hash_token(token), used_at=None, expires_at__gt=clock.now()
        ).select_related("user").first()  # fmt: skip
        if link is not None:
            return render(request, "web/sign_in_link.html", {"email": link.user.email})
    context = {
        "title": _("This link no longer works"),
        "text": _("It was used already, or it is too old. Ask for a new one."),
        "link_url": "/sign-in",
        "link_label": _("Sign in"),
    }
    return render(request, "web/message_page.html", context, status=410)


def enter(request: HttpRequest, user: User, *, how: str) -> None:
    login(request, user, backend=BACKEND)
    request.session["signed_in_at"] = clock.now().isoformat()
    for place in workspaces_of(user)[:1]:
        with workspace_scope(place["id"]):
            record_audit(
                workspace_id=place["id"], actor=f"user:{user.id}", action="user.signed_in", at=clock.now(),
                detail={"how": how},
            )  # fmt: skip


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("web:sign_in")


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    language = request.POST.get("language", "")
    if language not in dict(LANGUAGES):
        raise Http404
    if isinstance(request.user, User):
        User.objects.filter(id=request.user.id).update(language=language)
    request.session[LANGUAGE_KEY] = language
    return redirect(safe_next(request))


@require_POST
def switch_workspace(request: HttpRequest) -> HttpResponse:
    """Only into a workspace the person belongs to."""
    places = workspaces_of(request.user) if isinstance(request.user, User) else []
    wanted = request.POST.get("workspace", "")
    if wanted not in {str(place["id"]) for place in places}:
        raise Http404
    request.session["workspace"] = int(wanted)
    return redirect("web:home")


def safe_next(request: HttpRequest) -> str:
    """Where to go on: a path of this site, never another one."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if is_ours else "/"
