"""Providers that give anybody an address: their domain says nothing of where a person works.

The lists on the registries are years old or came without a licence, so these are the providers that matter where
Cultiva is used (Spain, Latin America, Europe, the United States) and the world's largest. A missing one makes a
company of private people, which shows in the list of companies; add it here.
"""

# Under these names everywhere: yahoo.es, hotmail.com.ar, live.com.mx.
NAMES = frozenset({"gmail", "googlemail", "hotmail", "icloud", "live", "msn", "outlook", "yahoo", "ymail", "yandex"})
LISTED = """
126.com 139.com 163.com aim.com alice.it aol.com aol.es arcor.de arnet.com.ar att.net bbox.fr bellsouth.net
bigpond.com bluewin.ch blueyonder.co.uk bol.com.br bt.com btinternet.com cantv.net centrum.cz charter.net
chello.nl club-internet.fr comcast.net cox.net duck.com earthlink.net email.com ename.es euskalnet.net
euskaltel.es fastmail.com fastmail.fm fibertel.com.ar foxmail.com free.fr freemail.hu freenet.de gmx.at gmx.ch
gmx.com gmx.de gmx.es gmx.fr gmx.net hey.com hispavista.com hushmail.com ig.com.br inbox.com inbox.lv interia.pl
iol.pt juno.com laposte.net latinmail.com libero.it mac.com mail.com mail.ru mailbox.org mailfence.com me.com
mixmail.com mundo-r.com naver.com neuf.fr ntlworld.com o2.pl onet.pl online.de ono.com optonline.net orange.es
orange.fr passport.com pm.me posteo.de prodigy.net.mx proton.me protonmail.ch protonmail.com qq.com r7.com
rediffmail.com rocketmail.com rogers.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com skynet.be
speedy.com.ar swissmail.org sympatico.ca t-online.de talktalk.net telefonica.net telenet.be telepolis.com
terra.com terra.com.br terra.es tim.it tin.it tiscali.it tuta.com tuta.io tutanota.com ukr.net uol.com.br
verizon.net virgilio.it virginmedia.com vodafone.es wanadoo.es wanadoo.fr web.de wp.pl ya.com ya.ru zoho.com
zohomail.com zoznam.sk
"""
DOMAINS = frozenset(LISTED.split())


def is_free_mail(domain: str) -> bool:
    return domain in DOMAINS or domain.partition(".")[0] in NAMES
