"""Japanese: what an operator at a city hall reads. Terms of the service are called as it does."""

MESSAGES: dict[str, str] = {
    # -- states, and other words of ours
    "Status.issued": "発行済み",
    "Status.downloaded": "ダウンロード済み",
    "Status.revoked": "失効済",
    "Status.held": "一時停止",
    "Status.expired": "期限切れ",
    "Tier.root": "ルート",
    "Tier.issuing": "発行CA",
    "Kind.device": "端末",
    "Act.hierarchy-created": "階層の作成",
    "Act.hierarchy-imported": "階層の取込",
    "Act.certificates-imported": "証明書の取込",
    "Act.key-imported": "鍵の取込",
    "Act.passphrase-changed": "パスフレーズの変更",
    "Act.hierarchy-retired": "階層の廃止",
    "Act.cutoff-set": "切替日の設定",
    "Act.user-recorded": "利用者の登録",
    "Act.issued": "発行",
    "Act.abandoned": "発行の中断",
    "Act.revealed": "パスワードの表示",
    "Act.downloaded": "ダウンロード",
    "Act.withdrawn": "ファイルの破棄",
    "Act.revoked": "失効",
    "Act.held": "一時停止",
    "Act.released": "一時停止の解除",
    "Act.cut-off": "切替による失効",
    "Act.lapsed": "未取得による失効",
    "Act.locked": "ロック",
    "Act.unlocked": "ロックの解除",
    "Act.crl-signed": "CRLの署名",
    "Act.responder-signed": "OCSPレスポンダー証明書の署名",
    "Act.checkpoint-signed": "チェックポイントの署名",
    "Act.restored": "復元",
    "yes": "はい",
    "no": "いいえ",
    # -- titles of columns and lines
    "chain": "CA証明書",
    "common name": "コモンネーム",
    "container": "ファイル形式",
    "created at": "作成日",
    "crl days": "CRLの有効日数",
    "cutoff": "切替日",
    "device": "端末",
    "downloaded at": "ダウンロード日",
    "email": "メール",
    "extended key usage": "拡張鍵用途",
    "facility": "施設",
    "failed": "失敗",
    "file": "ファイル",
    "files": "ファイル",
    "fingerprint sha256": "フィンガープリント (SHA-256)",
    "friendly name": "表示名",
    "hierarchy": "階層",
    "home": "ホーム",
    "imported": "取込件数",
    "issued at": "発行日",
    "issuing": "発行CA",
    "issuing fingerprint sha256": "発行CAのフィンガープリント (SHA-256)",
    "issuing key algorithm": "発行CAの鍵の種類",
    "issuing key": "発行CAの鍵",
    "issuing key is here": "発行CAの鍵がここにある",
    "issuing not after": "発行CAの有効期限",
    "key algorithm": "鍵の種類",
    "key usage": "鍵用途",
    "kind": "種別",
    "name": "名前",
    "network": "地域(ネットワーク)",
    "not after": "有効期限",
    "not before": "有効期間の開始",
    "note": "備考",
    "number": "証明書取得用No",
    "open": "発行できる",
    "p12": "PKCS#12の方式",
    "password": "証明書取得用パスワード",
    "path length": "パス長",
    "profile": "プロファイル",
    "profiles": "プロファイル",
    "retired at": "廃止日",
    "revocation reason": "失効理由",
    "revoked at": "失効日",
    "root": "ルート",
    "root fingerprint sha256": "ルートのフィンガープリント (SHA-256)",
    "root key algorithm": "ルートの鍵の種類",
    "root key": "ルートの鍵",
    "root key is here": "ルートの鍵がここにある",
    "root not after": "ルートの有効期限",
    "serial": "シリアル番号",
    "settings": "設定",
    "status": "状態",
    "store": "保管場所",
    "superseded by": "後継の証明書",
    "supersedes": "前の証明書",
    "text": "文字列",
    "title": "表示名",
    "user": "利用者",
    "validity years": "有効年数",
    "organization": "組織",
    # -- parts of a name in a certificate
    "SubjectAttribute.common_name": "コモンネーム",
    "SubjectAttribute.country": "国",
    "SubjectAttribute.locality": "市区町村",
    "SubjectAttribute.organization": "組織",
    "SubjectAttribute.organizational_unit": "部署",
    "SubjectAttribute.state": "都道府県",
    # -- what the operating system says
    "Bad file descriptor": "開いていないファイルです",
    "File exists": "すでにあります",
    "File name too long": "ファイル名が長すぎます",
    "Input/output error": "入出力エラーです",
    "Is a directory": "フォルダです",
    "No space left on device": "ディスクに空きがありません",
    "No such file or directory": "ありません",
    "Not a directory": "フォルダではありません",
    "Operation not permitted": "許可されていません",
    "Permission denied": "権限がありません",
    "Read-only file system": "書き込みできないファイルシステムです",
    "Too many levels of symbolic links": "シンボリックリンクがたどりきれません",
    "Too many open files": "開いているファイルが多すぎます",
    # -- help: the frame of a page
    "Usage": "使い方",
    "[OPTIONS]": "[オプション]",
    "COMMAND [ARGS]...": "コマンド [引数]...",
    "Options": "オプション",
    "Commands": "コマンド",
    "Example": "例",
    "this page": "この説明を表示する",
    # -- help: rca
    "A private certificate authority for people's devices.": (
        "利用者の端末にクライアント証明書を発行する、プライベート認証局です。"
    ),
    "Set up": "準備",
    "a complete home to try out": "お試し用のホームを丸ごと作る",
    "a new home: settings, profiles, store": "新しいホーム(設定・プロファイル・保管場所)を作る",
    "roots and their issuing CAs": "ルートと発行CAの階層",
    "what each kind of device gets": "端末の種類ごとの証明書の内容",
    "People and their certificates": "利用者と証明書",
    "the people": "利用者",
    "a certificate for a person's device": "利用者の端末に証明書を発行する",
    "its file, once": "証明書のファイルを取り出す(1回限り)",
    "many certificates": "証明書の一覧",
    "one certificate": "証明書の詳細",
    "Out of use": "利用の停止",
    "for good": "失効させる(元に戻せません)",
    "until it is released": "解除するまで一時停止する",
    "makes a held one valid again": "一時停止を解除する",
    "Servers": "サーバー",
    "CA certificates, CRLs, nginx snippets": "CA証明書、CRL、nginxの設定を書き出す",
    "the home; else $RCA_HOME, else .": "ホーム。なければ $RCA_HOME、または現在のフォルダ",
    "the language for people; else $RCA_LANG, else the locale": (
        "表示の言語。指定がなければ $RCA_LANG、なければロケール"
    ),
    "the file with the passphrase of the CA keys; else $RCA_PASSPHRASE_FILE": (
        "CAの鍵のパスフレーズを書いたファイル。指定がなければ $RCA_PASSPHRASE_FILE"
    ),
    "the descriptor to read the passphrase from": "パスフレーズを読み取るファイル記述子",
    "no talk, only data and errors": "データとエラーだけを表示する",
    "say more": "詳しく表示する",
    "the version": "バージョンを表示する",
    # -- help: options that many commands share
    "table for people, json or csv for scripts": "人が読むなら table、プログラム用は json か csv",
    "do not ask": "確認しない",
    "say what would be done, and change nothing": "何が行われるかを表示するだけで、変更しない",
    "do nothing at all where one line is bad": "1行でも誤りがあれば、何もしない",
    # -- help: init, quickstart
    "Makes a home in --home, $RCA_HOME or the current folder: rca.yaml with the settings, "
    "profiles/ with what each kind of device gets, ca-store/ with all state. What is there "
    "already is kept.": (
        "--home、$RCA_HOME、または現在のフォルダにホームを作ります。rca.yaml は設定、profiles/ は"
        "端末の種類ごとの証明書の内容、ca-store/ はすべての記録です。すでにあるものは残します。"
    ),
    "the regional network, as phones show it": "地域(ネットワーク)の名前。iPhoneなどに表示される",
    "who runs this CA": "この認証局を運営する組織",
    "Makes a complete home to try out, without a question: settings, a passphrase in a file, the "
    "OLD and the NEW hierarchy, and a certificate for each kind of device, exported.": (
        "お試し用のホームを、質問なしで丸ごと作ります。設定、パスフレーズのファイル、OLDとNEWの"
        "階層、そして端末の種類ごとに1枚ずつ、取り出し済みの証明書ができます。"
    ),
    # -- help: hierarchy
    "Hierarchies: a root and its issuing CA.": "階層(ルートとその発行CA)を扱います。",
    "a new root and its issuing CA": "新しいルートと発行CAを作る",
    "all": "一覧",
    "one": "詳細",
    "stops issuing, and sets the cut-off": "発行をやめ、切替日を定める",
    "Makes a root and its issuing CA, each with a key of its own under the passphrase or in a token (HSM), and their first CRLs. NAME is a word such as old or new. A key that is in the token already is used, unless it is another CA's.": (
        "ルートと発行CAを、それぞれの鍵(パスフレーズで保護するか、トークン(HSM)の中)と最初のCRLとともに作ります。NAME は "
        "old や new のような短い名前です。トークンにすでにある鍵は、ほかのCAの鍵でなければ使います。"
    ),
    "the issuing CA's key in a token, such as 'pkcs11:token=ca;object=new'": (
        "トークンの中の発行CAの鍵。例: 'pkcs11:token=ca;object=new'"
    ),
    "the root's key in a token": "トークンの中のルートの鍵",
    "take one of --root-key and --root-key-out": "--root-key と --root-key-out は一方だけを指定してください",
    "the key in a token, as a pkcs11: URI; made there where there is none": "トークンの中の鍵(pkcs11: URI)。なければトークンの中で作る",
    "its key, where it was requested for one in a token": "トークンの中の鍵で要求した場合、その鍵",
    "{parameter} takes a pkcs11: URI": "{parameter} には pkcs11: URI を指定します",
    "PIN of the token {token}: ": "トークン {token} のPIN: ",
    "the PIN is empty": "PINが空です",
    "there is no PIN for the token {token}": "トークン {token} のPINがありません",
    "name the file that holds it in the URI, with pin-source=": "PINを書いたファイルを、URIの pin-source= で指定してください",
    "there is no PIN in {file}": "{file} にPINがありません",
    "cannot read the PIN from {file}: {reason}": "{file} からPINを読み取れません: {reason}",
    "the PIN is in {file}, which others can read or write": "PINのファイル {file} をほかの人が読み書きできます",
    "chmod 600 {file}": "chmod 600 {file}",
    "nothing says which PKCS #11 module leads to {uri}": "{uri} のためのPKCS #11モジュールが分かりません",
    "name it with module-path= in the URI, or with pkcs11_module in rca.yaml": "URIの module-path= か、rca.yaml の pkcs11_module で指定してください",
    "the PKCS #11 module {module} cannot be loaded": "PKCS #11モジュール {module} を読み込めません",
    "there is no token of {uri}": "{uri} のトークンがありません",
    "{count} tokens are there of {uri}": "{uri} に当てはまるトークンが {count} 個あります",
    "unplug what is not meant, or name one with serial= in the URI": "使わないトークンを外すか、URIの serial= で1個に絞ってください",
    "the token has one try of its PIN left, which is not risked for {uri}": "{uri} のトークンはPINの入力をあと1回しか受け付けないため、試しません",
    "see what the token has, with the PIN of that file: `pkcs11-tool --login --list-objects`": "そのファイルのPINで、トークンの中身を確かめてください: `pkcs11-tool --login --list-objects`",
    "write the token's PIN into it, mode 0600, or name another with pin-source=": "そこにトークンのPINを書くか(モード0600)、pin-source= で別のファイルを指定してください",
    "`pkcs11-tool --login --list-objects` with the right PIN gives it all back": "正しいPINで `pkcs11-tool --login --list-objects` を実行すると、回数が元に戻ります",
    "{count} lines were done, the ones above: take them out of the table": "上の{count}行は終わっています。表から取り除いてください",
    "{key} is not the key of {name}": "{key} は {name} の鍵ではありません",
    "the key that {name} was requested with is not in the store": "{name} の署名要求に使った鍵が保管場所にありません",
    "where it is in a token, add --issuing-key URI; else restore a backup": "鍵がトークンにある場合は --issuing-key URI を付けてください。なければバックアップから復元してください",
    "--root-key takes a file: a key in a token is under no passphrase": "--root-key にはファイルを指定してください(トークンの鍵にパスフレーズはありません)",
    "is the token plugged in, and does the URI name it? `pkcs11-tool --list-slots`": "トークンがつながっているか、URIが正しいか確かめてください。`pkcs11-tool --list-slots`",
    "is it still there? `pkcs11-tool --list-slots`": "まだつながっていますか。`pkcs11-tool --list-slots`",
    "the token refuses the PIN for {uri}": "トークンが {uri} のPINを拒みました",
    "it was tried once: a token locks after a few wrong ones": "試したのは1回だけです。何度か間違えるとトークンはロックされます",
    "the PIN for {uri} is locked": "{uri} のPINはロックされています",
    "the token's security officer can set another one": "トークンの管理者(SO)が新しいPINを設定できます",
    "the token does not do what is asked for {uri}: {reason}": "{uri} について、トークンが要求に応じません: {reason}",
    "keys in tokens need a library that is not installed": "トークンの鍵に必要なライブラリがありません",
    "pip install 'renrakucho-ca[hsm]'": "pip install 'renrakucho-ca[hsm]'",
    "the token has no private key of {uri}": "トークンに {uri} の秘密鍵がありません",
    "`pkcs11-tool --list-objects --login` shows what it has": "中にあるものは `pkcs11-tool --list-objects --login` で分かります",
    "the token has no public key beside the private key of {uri}": "トークンに、{uri} の秘密鍵と対になる公開鍵がありません",
    "write it there, with the same label and ID": "同じラベルとIDで書き込んでください",
    "the token has {count} keys of {uri}": "トークンに {uri} の鍵が {count} 個あります",
    "name the one with id= in the URI": "URIの id= で1個を指定してください",
    "the key of {uri} is not allowed to sign": "{uri} の鍵には署名が許されていません",
    "the key of {uri} is that of another CA": "{uri} の鍵はほかのCAの鍵です",
    "each CA needs a key of its own": "CAごとに別の鍵が必要です",
    "the key of {uri} is there already, of the kind {kind}": "{uri} の鍵はすでにあり、種類は {kind} です",
    "leave --key-algorithm out, or name another key": "--key-algorithm を外すか、別の鍵を指定してください",
    "a key that is to be made needs a name: object= in the pkcs11: URI": "新しく作る鍵には名前(pkcs11: URI の object=)が必要です",
    "{key} is of no CA here whose key is elsewhere": "{key} は、鍵がここにないどのCAのものでもありません",
    "the key of {name} is in a token, and in no backup": "{name} の鍵はトークンの中にあり、バックアップには入りません",
    "this is not a pkcs11: URI": "pkcs11: URI ではありません",
    "such as 'pkcs11:token=ca;object=new-issuing?pin-source=/etc/rca/pin'": "例: 'pkcs11:token=ca;object=new-issuing?pin-source=/etc/rca/pin'",
    "the pkcs11: URI names no key: it needs object= or id=": "pkcs11: URI に鍵の名前がありません(object= か id= が必要です)",
    "the pkcs11: URI names something else than a private key": "pkcs11: URI が秘密鍵でないものを指しています",
    "a pkcs11: URI with the PIN in it is not taken": "PINを含む pkcs11: URI は使えません",
    "write the PIN into a file of mode 0600, and name that with pin-source=": "PINをモード0600のファイルに書き、pin-source= で指定してください",
    "the pkcs11: URI has the attribute {name}, which is not known here": "pkcs11: URI の属性 {name} は使えません",
    "the attribute {name} of the pkcs11: URI is empty, is there twice, or has a character that needs to be written as %XX": "pkcs11: URI の属性 {name} が空か、2回あるか、%XX と書くべき文字を含んでいます",
    "the attribute {name} of the pkcs11: URI is no text": "pkcs11: URI の属性 {name} が文字列ではありません",
    "the attribute {name} of the pkcs11: URI is no number": "pkcs11: URI の属性 {name} が数ではありません",
    "pin-source of the pkcs11: URI must name a file": "pkcs11: URI の pin-source にはファイルを指定します",
    "the root's name, as phones list it": "ルートの名前。端末の一覧に表示される",
    "of both keys; else what profiles/root.yaml and issuing.yaml say": (
        "両方の鍵の種類。指定がなければ profiles/root.yaml と issuing.yaml のとおり"
    ),
    "write the root's key there, and keep none on this machine": (
        "ルートの鍵をこのファイルに書き出し、この機械には残さない"
    ),
    "Lists the hierarchies in the order of their making.": "階層を作成順に一覧します。",
    "Shows one hierarchy: names, ends, fingerprints, keys.": (
        "階層の名前、有効期限、フィンガープリント、鍵を表示します。"
    ),
    "Closes a hierarchy for good: it issues nothing any more. With --at, nothing of it is accepted "
    "from that date on: what is live then is revoked.": (
        "階層を廃止します。以後、その階層からは発行できません。--at を指定すると、その日からは"
        "その階層の証明書が使えなくなります(有効なものは失効します)。"
    ),
    "the cut-off, such as 2026-08-01": "切替日。例: 2026-08-01",
    # -- help: profile
    "Profiles: what each kind of device and each CA gets. One YAML file each in profiles/; another "
    "kind of device is another file.": (
        "プロファイル(端末の種類ごと、CAごとの証明書の内容)を扱います。profiles/ にYAMLファイルが"
        "1つずつあり、ファイルを足せば端末の種類が増えます。"
    ),
    "what is in force": "有効な内容",
    "what is wrong, with the line at fault": "誤りを行番号とともに示す",
    "Lists the profiles that are in force.": "有効なプロファイルを一覧します。",
    "Shows one profile as it is in force.": "プロファイルの有効な内容を表示します。",
    "Checks one file, or all profiles of the home: says file, line and what was expected.": (
        "指定したファイル、またはホームのすべてのプロファイルを検査し、誤りのあるファイル、行、"
        "正しい書き方を示します。"
    ),
    # -- help: user
    "The people to whom certificates belong.": "証明書の利用者を扱います。",
    "a new user, or what is new about one": "利用者を登録・更新する",
    "many, from a table": "表から一括で登録する",
    "Adds a user. Of one who is known already, what is given replaces what was there.": (
        "利用者を登録します。登録済みの利用者は、指定した項目だけを書き換えます。"
    ),
    "the person's name": "氏名",
    "where mails about certificates go": "証明書の案内を送るメールアドレス",
    "where the person works": "所属する施設",
    "the regional network; without it certificates name that of rca.yaml": (
        "地域(ネットワーク)。指定がなければ、証明書には rca.yaml のものが入る"
    ),
    "Adds the users of a table, or what is new about them: CSV, semicolons or tabs, in "
    "UTF-8, UTF-16 or CP932, with the columns user, name, email, facility, network, or 利用者ID, 氏名, メール, 施設, 地域. "
    "Bad lines are told by their number; the good ones are done.": (
        "表にある利用者を登録・更新します。カンマ・セミコロン・タブ区切り、UTF-8・UTF-16・CP932で、列の見出しは "
        "user, name, email, facility, network または 利用者ID, 氏名, メール, 施設, 地域 です。"
        "誤りのある行は行番号で示し、正しい行だけを登録します。"
    ),
    "Lists the users in the order of their ids.": "利用者をIDの順に一覧します。",
    "of this facility": "この施設の利用者",
    "of this network": "この地域(ネットワーク)の利用者",
    "Shows one user.": "利用者を表示します。",
    # -- help: issue, export
    "a profile: windows mac iphone ipad android …": (
        "端末の種類(プロファイル名): windows mac iphone ipad android など"
    ),
    "required": "必須",
    "whose device it is": "端末の利用者",
    "a note, such as the name of the device": "備考。端末の名前など",
    "the one that issues; else default_hierarchy of rca.yaml, else new, else the only open one": (
        "発行する階層。指定がなければ rca.yaml の default_hierarchy、new、ただ1つ発行できる階層の順"
    ),
    "export the file there at once: that is its one download": (
        "このフォルダにファイルをすぐ取り出す。これが1回限りのダウンロードになる"
    ),
    "a PKCS#10 of a key that stays on the device; the export is a PEM chain": (
        "鍵を端末に残したまま使う証明書要求(PKCS#10)。取り出せるのはPEMの証明書チェーン"
    ),
    "Writes the file for the device, .p12 or .mobileconfig, into a folder. This is the one "
    "download: a second time is refused, and the file is nowhere else.": (
        "端末用のファイル(.p12 または .mobileconfig)をフォルダに書き出します。ダウンロードは1回"
        "限りで、2回目は拒否されます。ファイルはほかのどこにも残りません。"
    ),
    "the folder; made where it is missing": "書き出すフォルダ。なければ作る",
    # -- help: list, show
    "Lists certificates, the newest last: the live ones (issued, downloaded, held), unless "
    "--status or --all says otherwise.": (
        "証明書を、新しいものが最後になるように一覧します。--status か --all がなければ、有効なもの"
        "(発行済み、ダウンロード済み、一時停止)だけを表示します。"
    ),
    "of this user": "この利用者のもの",
    "for this kind of device": "この種類の端末のもの",
    "in this state; can be given several times": "この状態のもの。何度でも指定できる",
    "in whatever state": "すべての状態のもの",
    "of this hierarchy": "この階層のもの",
    "of users of this facility": "この施設の利用者のもの",
    "of users of this network": "この地域(ネットワーク)の利用者のもの",
    "issued before this moment": "この日より前に発行したもの",
    "issued at this moment or later": "この日以後に発行したもの",
    "ending within so many days": "この日数以内に期限が切れるもの",
    "with this in number, user, name or note": "No、利用者、名前、備考にこの文字列を含むもの",
    "at most so many": "最大の件数",
    "leave so many out": "最初から飛ばす件数",
    "go on after this one: quicker than --offset": "この証明書の次から。--offset より速い",
    "Shows one certificate.": "証明書の詳細を表示します。",
    "with the retrieval password, while it can be used": (
        "使えるうちは、証明書取得用パスワードも表示する"
    ),
    "the certificate itself, in PEM, instead of its record": (
        "記録の代わりに、証明書そのものをPEMで出力する"
    ),
    # -- help: revoke, hold, release, publish
    "Revokes certificates for good: number and password are dead, the file is destroyed, and with "
    "the next publication servers refuse the login.": (
        "証明書を失効させます(元に戻せません)。証明書取得用Noとパスワードは使えなくなり、ファイルは"
        "破棄されます。次の公開から、サーバーはログインを拒否します。"
    ),
    "everything live of this user": "この利用者の有効な証明書すべて",
    "the one with this serial number, in hex": "このシリアル番号(16進)の証明書",
    "as RFC 5280 names it; in place of certificateHold there is `rca hold`": (
        "失効理由(RFC 5280 の名前)。certificateHold の代わりに `rca hold` を使います"
    ),
    "as RFC 5280 names it": "失効理由(RFC 5280 の名前)",
    "Takes a certificate out of use until it is released.": (
        "証明書を、解除するまで一時停止します。"
    ),
    "Makes a held certificate valid again.": "証明書の一時停止を解除します。",
    "Signs new CRLs and writes CA certificates, CRLs and nginx snippets into public/, each file in "
    "one step, runs publish_hook of rca.yaml, then signs the OCSP responses that are due.": (
        "新しいCRLに署名し、CA証明書、CRL、nginxの設定を public/ に書き出して、rca.yaml の "
        "publish_hook を実行し、必要なOCSP応答に署名します。ファイルは1つずつ、一度に置き換わります。"
    ),
    "another folder than public/": "public/ 以外の書き出し先",
    "the clock is right, though the newest CRL or certificate is of a later moment: it was "
    "ahead then": (
        "最新の CRL や証明書のほうが後の時刻でも、いまの時計が正しいとみなす(以前の時計が進んでいた場合)"
    ),
    "for cron: only CRLs past half their life or behind a revocation are signed anew": (
        "cron用。有効期間の半分を過ぎたCRLと、失効が未反映のCRLだけに署名する"
    ),
    "the key of a root that is kept off this machine: a file, or a pkcs11: URI": "この機械に置いていないルートの鍵(ファイルか pkcs11: URI)",
    # -- talk
    "  {command}": "  {command}",
    "next:": "次のコマンド:",
    "next: rca hierarchy create new": "次のコマンド: rca hierarchy create new",
    "nothing found": "該当するものはありません",
    "settings, profiles and store": "設定、プロファイル、保管場所を作っています",
    "the hierarchy {name}": "階層 {name} を作っています",
    "a certificate for each kind of device": "端末の種類ごとに証明書を発行しています",
    "settings: {path}": "設定: {path}",
    "passphrase of the CA keys: {path}": "CAの鍵のパスフレーズ: {path}",
    "for nginx: {path}": "nginx用: {path}",
    "servers learn of it from the next `rca publish`": (
        "サーバーには、次の `rca publish` で反映されます"
    ),
    "signed a new CRL: {name}": "新しいCRLに署名しました: {name}",
    "the root's key is in {file}, under the passphrase: take it off this machine, and bring it for "
    "`rca publish --root-key FILE` before its CRL ends": (
        "ルートの鍵は {file} にあります(パスフレーズで保護)。この機械から取り外し、CRLの期限が来る"
        "前に `rca publish --root-key FILE` のために持ってきてください"
    ),
    "{count} checked, nothing wrong": "{count} 件を検査しました。誤りはありません",
    "… and {count} more": "… ほか {count} 件",
    # -- questions
    "close the hierarchy {name} for good?": "階層 {name} を廃止しますか(元に戻せません)",
    "certificates that would be revoked: {live}; nothing was done": (
        "{live} 件の証明書が失効することになります。何もしていません"
    ),
    "revoke {count} certificates for good?": "証明書 {count} 件を失効させますか(元に戻せません)",
    "this needs a yes": "確認が必要です",
    "without a terminal, add --yes": "対話できない環境では --yes を付けてください",
    "not confirmed: nothing was done": "確認されなかったので、何もしませんでした",
    # -- passphrase
    "passphrase of the CA keys: ": "CAの鍵のパスフレーズ: ",
    "the same once more: ": "もう一度: ",
    "the two passphrases differ": "2つのパスフレーズが一致しません",
    "the passphrase is empty": "パスフレーズが空です",
    "the passphrase is longer than {longest} bytes": (
        "パスフレーズが {longest} バイトを超えています"
    ),
    "there is no passphrase": "パスフレーズがありません",
    "name a file with --passphrase-file or RCA_PASSPHRASE_FILE": (
        "--passphrase-file か RCA_PASSPHRASE_FILE でファイルを指定してください"
    ),
    "cannot read the passphrase from descriptor {number}: {reason}": (
        "ファイル記述子 {number} からパスフレーズを読み取れません: {reason}"
    ),
    "cannot read the passphrase from {file}: {reason}": (
        "{file} からパスフレーズを読み取れません: {reason}"
    ),
    "wrong passphrase": "パスフレーズが違います",
    # -- how the command was called
    "{problem}": "{problem}",
    "`{command} --help` tells how": "`{command} --help` で使い方を確認できます",
    "did you mean {nearest}?": "{nearest} ではありませんか",
    "it stands before the command: `{example}`": "コマンドの前に書きます: `{example}`",
    "a command is missing": "コマンドを指定してください",
    "name a number, --user or --serial": (
        "証明書取得用No、--user、--serial のどれかを指定してください"
    ),
    "name at least one number": "証明書取得用Noを1つ以上指定してください",
    "there is no command {name}": "{name} というコマンドはありません",
    "there is no option {name}": "{name} というオプションはありません",
    "too many arguments: {rest}": "余分な引数があります: {rest}",
    "{option} needs a value": "{option} には値が必要です",
    "{option} takes no value": "{option} に値は付けられません",
    "{parameter} is missing": "{parameter} がありません",
    "{text} is not in UTF-8": "{text} はUTF-8ではありません",
    "{parameter} takes a file that can be read": (
        "{parameter} には読み取れるファイルを指定してください"
    ),
    "{parameter} takes a file, no folder": "{parameter} にはフォルダではなくファイルを指定してください",
    "{parameter} takes a folder": "{parameter} にはフォルダを指定してください",
    "{parameter} takes a whole number": "{parameter} には整数を指定してください",
    "{parameter} takes a whole number of {least} or more": (
        "{parameter} には {least} 以上の整数を指定してください"
    ),
    "{parameter} takes one of {choices}": "{parameter} は次のどれかです: {choices}",
    "{parameter}: {problem}": "{parameter}: {problem}",
    # -- the program and the system
    "a bug: {kind}": "プログラムの不具合です: {kind}",
    "RCA_DEBUG=1 shows where; nothing half-done was kept": (
        "RCA_DEBUG=1 で場所が分かります。途中までの変更は残っていません"
    ),
    "a worker process died": "作業プロセスが異常終了しました",
    "there is too little memory": "メモリが足りません",
    "a library cannot be loaded: {reason}": "ライブラリを読み込めません: {reason}",
    "is there too little memory, or are too many files open?": (
        "メモリの不足か、開けるファイル数の上限を確かめてください"
    ),
    "no more threads can be started": "スレッドをこれ以上起動できません",
    "is there too little memory, or are there too many processes?": (
        "メモリの不足か、プロセス数の上限を確かめてください"
    ),
    "the disk is full": "ディスクに空きがありません",
    "nothing was lost; make room and run the command again": (
        "失われたものはありません。空きを作って、もう一度実行してください"
    ),
    "the output cannot be written: {reason}": "出力を書き込めません: {reason}",
    "what the command was to do is done: `rca list` shows it, do not repeat it": (
        "処理そのものは終わっています。くり返さずに `rca list` で確認してください"
    ),
    "the output cannot be written: it is closed": "出力先が閉じているため書き込めません",
    "what is done is recorded; is there too little memory, or are there too many processes?": (
        "済んだ分は記録されています。メモリの不足か、プロセス数の上限を確かめてください"
    ),
    "{file}: there is no such file or folder": "{file}: ファイルもフォルダもありません",
    "{file}: {reason}": "{file}: {reason}",
    "cannot open the lock {path}: {reason}": "ロック {path} を開けません: {reason}",
    "cannot read {file}: {reason}": "{file} を読み込めません: {reason}",
    "cannot write {file}: {reason}": "{file} に書き込めません: {reason}",
    # -- the home and its store
    "{home} is no home: there is no rca.yaml": (
        "{home} はホームではありません(rca.yaml がありません)"
    ),
    "make a home with `rca init`, or name another one with --home": (
        "`rca init` でホームを作るか、--home で別のホームを指定してください"
    ),
    "run `rca init` here, or name the home with --home or RCA_HOME": (
        "ここで `rca init` を実行するか、--home か RCA_HOME でホームを指定してください"
    ),
    "{path} is a home already": "{path} はすでにホームです",
    "{folder} is not empty": "{folder} は空ではありません",
    "name another: rca quickstart DIR": "別のフォルダを指定してください: rca quickstart DIR",
    "there is no store at {path}": "{path} に保管場所がありません",
    "the database {path} is missing": "データベース {path} がありません",
    "restore a backup": "バックアップから復元してください",
    "the store was written by a newer version of rca (schema {found})": (
        "保管場所は新しいバージョンの rca のものです(スキーマ {found})"
    ),
    "{path} exists already": "{path} はすでにあります",
    "{path} exists and is not a folder": "{path} はフォルダではありません",
    # -- CA keys
    "the key {path} is not there": "鍵 {path} がありません",
    "the key of the bundles is missing: {path}": "証明書ファイルを保護する鍵がありません: {path}",
    "the key of {name} is not on this machine": "{name} の鍵はこの機械にありません",
    "cannot open {context}: another key, or damaged": (
        "{context} を開けません(別の鍵のものか、壊れています)"
    ),
    "if the passphrase is right, {path} is damaged": (
        "パスフレーズが正しければ、{path} が壊れています"
    ),
    "{path} is not a sealed key of rca": "{path} は rca が保護した鍵ではありません",
    "{path} is the key of {found}, not of {name}": "{path} は {name} ではなく {found} の鍵です",
    "the private key cannot be read": "秘密鍵を読み取れません",
    "the private key does not belong to the certificate": "秘密鍵が証明書と対応していません",
    "the private key is damaged: its signature does not verify": (
        "秘密鍵が壊れています(署名を検証できません)"
    ),
    "the public key cannot be read": "公開鍵を読み取れません",
    "there is no unencrypted private key in PEM that can be read": (
        "読み取れる秘密鍵(暗号化なし、PEM)がありません"
    ),
    "the key that signs profiles does not belong to its certificate": (
        "構成プロファイルに署名する鍵が、証明書と対応していません"
    ),
    "keys of the kind {kind} are not accepted": "{kind} の鍵は使えません",
    "RSA keys with the public exponent {exponent} are not accepted": (
        "公開指数が {exponent} のRSA鍵は使えません"
    ),
    "the exponent must be 65537 or more": "公開指数は65537以上が必要です",
    "use P-256, P-384 or P-521, or RSA with 2048 to 8192 bits": (
        "P-256、P-384、P-521、または2048から8192ビットまでのRSAを使ってください"
    ),
    # -- hierarchies
    "there is no hierarchy {name}": "階層 {name} はありません",
    "there are: {known}": "あるもの: {known}",
    "there is a hierarchy {name} already": "階層 {name} はすでにあります",
    "{name} is not a hierarchy's name": "{name} は階層の名前にできません",
    "a name has up to 32 of a-z, 0-9 and -, such as new": (
        "名前は a-z、0-9、- の32文字までです。例: new"
    ),
    "the root of {other} is called {common_name} already": (
        "{common_name} は階層 {other} のルートの名前です"
    ),
    "choose another --common-name": "--common-name で別の名前を指定してください",
    "no hierarchy is open": "発行できる階層がありません",
    "make one: rca hierarchy create new": "作成してください: rca hierarchy create new",
    "make one: rca hierarchy create {name}": "作成してください: rca hierarchy create {name}",
    "several hierarchies are open: {names}": "発行できる階層が複数あります: {names}",
    "say which with --hierarchy, or set default_hierarchy in rca.yaml": (
        "--hierarchy で指定するか、rca.yaml の default_hierarchy を設定してください"
    ),
    "the hierarchy {name} is closed and issues nothing": (
        "階層 {name} は廃止されていて、発行できません"
    ),
    "a hierarchy cannot move to itself: {name}": "移行元と移行先が同じ階層です: {name}",
    "a certificate until {end} would outlive its issuer, which ends on {issuer_end}": (
        "証明書の期限 {end} が、発行CAの期限 {issuer_end} を超えてしまいます"
    ),
    "make a new hierarchy, or shorten validity_years in the profile {profile}": (
        "新しい階層を作るか、プロファイル {profile} の validity_years を短くしてください"
    ),
    # -- certificates
    "no certificate has the number {number}": "証明書取得用No {number} の証明書はありません",
    "{text} is not a retrieval number": "{text} は証明書取得用Noではありません",
    "a retrieval number has eight digits, the first not 0, such as 67075623": (
        "証明書取得用Noは、0で始まらない8桁の数字です。例: 67075623"
    ),
    "no certificate has the serial number {serial}": ("シリアル番号 {serial} の証明書はありません"),
    "several certificates have the serial number {serial}": (
        "シリアル番号 {serial} の証明書が複数あります"
    ),
    "name one by its number: {numbers}": "証明書取得用Noで指定してください: {numbers}",
    "{text} is not a serial number in hex": "{text} は16進のシリアル番号ではありません",
    "there is a record of {number}, but no certificate": (
        "{number} の記録はありますが、証明書そのものはありません"
    ),
    "{number} was downloaded already": "{number} はダウンロード済みです",
    "a certificate is handed out once; another one: rca issue --device {device} --user {user}": (
        "証明書のダウンロードは1回限りです。新しく発行するには: "
        "rca issue --device {device} --user {user}"
    ),
    "{number} can still be exported": "{number} はまだ取り出せます",
    "{number} has a successor already: {successor}": (
        "{number} には後継の証明書 {successor} があります"
    ),
    "{number} has expired": "{number} は期限切れです",
    "{number} has no file to hand out": "{number} には渡せるファイルがありません",
    "{number} is held": "{number} は一時停止中です",
    "`rca release {number}`": "`rca release {number}` で解除できます",
    "{number} is held already": "{number} はすでに一時停止中です",
    "{number} is not held but {status}": "{number} は一時停止中ではありません({status})",
    "{number} is not live any more": "{number} はもう有効ではありません",
    "{number} is revoked already": "{number} はすでに失効しています",
    "{number} is revoked: its file is destroyed": (
        "{number} は失効しています(ファイルは破棄済みです)"
    ),
    "certificateHold is not for good": "certificateHold は失効の理由にできません",
    "`rca hold` does that, `rca release` undoes it": (
        "一時停止は `rca hold`、解除は `rca release` です"
    ),
    "{failed} of {all} were not done": "{all} 件のうち {failed} 件ができませんでした",
    "the certificate would not be what its profile says: {findings}": (
        "証明書がプロファイルのとおりになりません: {findings}"
    ),
    "the validity would end on {not_after}, before it begins on {not_before}": (
        "有効期間の終わり {not_after} が、始まり {not_before} より前です"
    ),
    "this is not a certificate that can be read": "読み取れる証明書ではありません",
    "there is no certificate in PEM that can be read": "読み取れる証明書(PEM)がありません",
    "{issuer} did not issue {subject}": "{subject} の発行者は {issuer} ではありません",
    "the private key is not that of the issuer {issuer}": "秘密鍵が発行者 {issuer} のものではありません",
    "this is not a certificate request (PKCS #10)": "証明書要求(PKCS#10)ではありません",
    "the certificate request is longer than {longest} octets": (
        "証明書要求が {longest} バイトを超えています"
    ),
    "the signature of the certificate request does not verify": (
        "証明書要求の署名を検証できません"
    ),
    # -- download page
    "this link leads to nothing, or to nothing any more": "このリンクは無効か、期限が過ぎています",
    "{number} is not locked": "{number} はロックされていません",
    # -- publication
    "rca publish --root-key FILE|URI; or, made elsewhere, rca hierarchy crl NAME FILE": "rca publish --root-key FILE|URI を実行するか、別の機械で作ったCRLを rca hierarchy crl NAME FILE で取り込んでください",
    "the CRL of {names} has to be signed anew, and the key is not on this machine": (
        "{names} のCRLに新しく署名する必要がありますが、鍵がこの機械にありません"
    ),
    "the CRL has no nextUpdate after its thisUpdate": (
        "CRLの nextUpdate が thisUpdate より後ではありません"
    ),
    "it ends on {end}, too early for certificates of {years} years: have it signed for longer under another name, or shorten validity_years in the profiles": (
        "{end} に期限が切れるため、有効期間 {years} 年の証明書は発行できません。別の名前でより長く"
        "署名してもらうか、プロファイルの validity_years を短くしてください"
    ),
    "the CRL has no number": "CRLに番号がありません",
    "where the root is, set `crlnumber = $dir/crlnumber` in OpenSSL's configuration (of Easy-RSA pki/openssl-easyrsa.cnf), write 01 into that file, and make the CRL anew": (
        "ルートのある機械で、OpenSSLの設定(Easy-RSAでは pki/openssl-easyrsa.cnf)に "
        "`crlnumber = $dir/crlnumber` を加え、そのファイルに 01 と書いてから、CRLを作り直してください"
    ),
    "a revocation cannot be read: {at}, {reason}": "失効の記録を読めません: {at}、{reason}",
    "the CRL is of {found}, not of {expected}": "CRLは {expected} ではなく {found} のものです",
    "the signature of the CRL does not verify": "CRLの署名を検証できません",
    "this is not a CRL that can be read": "読み取れるCRLではありません",
    "{file} was not written as it should be": "{file} が正しく書き込まれませんでした",
    "the files are written, but publish_hook could not be run: {reason}": (
        "ファイルは書き込みましたが、publish_hook を実行できません: {reason}"
    ),
    "the files are written, but publish_hook was not run: {path} belongs to another": (
        "ファイルは書き込みましたが、publish_hook は実行しませんでした: {path} は別のユーザーのものです"
    ),
    "look at what it says now, then chown it to the owner of ca-store": (
        "今の内容を確かめてから、所有者を ca-store と同じにしてください(chown)"
    ),
    "the files are written, but publish_hook was not run: {path} can be written by others": (
        "ファイルは書き込みましたが、{path} に他のユーザーが書き込めるため、publish_hook を実行しませんでした"
    ),
    "the files are written, but publish_hook did not end within {seconds} seconds": (
        "ファイルは書き込みましたが、publish_hook が {seconds} 秒以内に終わりませんでした"
    ),
    "a number is too large": "数が大きすぎます",
    "the files are written, but publish_hook ended with {code}: {said}": (
        "ファイルは書き込みましたが、publish_hook が終了コード {code} で終わりました: {said}"
    ),
    "the address {url} has a character outside ASCII": "アドレス {url} にASCII以外の文字があります",
    # -- texts, dates, names
    "{what} is empty": "{what}が空です",
    "{what} has a character that cannot be shown: U+{code}": (
        "{what}に表示できない文字があります: U+{code}"
    ),
    "{what} has {length} characters; the longest allowed has {longest}": (
        "{what}が {length} 文字あります({longest} 文字まで)"
    ),
    "{attribute} has {length} characters; from 1 to {longest} are allowed": (
        "{attribute}が {length} 文字です(1文字から {longest} 文字まで)"
    ),
    "{address} is not a mail address": "{address} はメールアドレスではありません",
    "{text} is not a date": "{text} は日付ではありません",
    "such as 2026-08-01, or 2026-07-31T15:00:00Z": "例: 2026-08-01、2026-07-31T15:00:00Z",
    "{text} is not a number of days": "{text} は日数ではありません",
    "such as 30d": "例: 30d",
    "there is no user {user}": "利用者 {user} は登録されていません",
    "the user {user} has no live certificate": "利用者 {user} に有効な証明書はありません",
    "a country is two capital letters (ISO 3166), such as JP": (
        "国は大文字2文字(ISO 3166)です。例: JP"
    ),
    "the country {value} is not two capital letters": "国 {value} は大文字2文字ではありません",
    # -- settings and profiles
    "{file} cannot be read: {reason}": "{file} を読み取れません: {reason}",
    "{file} does not exist": "{file} がありません",
    "{file} has more than {largest} bytes": "{file} が {largest} バイトを超えています",
    "{file} is empty": "{file} が空です",
    "{file} is not a file": "{file} はファイルではありません",
    "{file} is not a regular file": "{file} は通常のファイルではありません",
    "{file}:{line}: a key is a word": "{file}:{line}: キーは単語で書いてください",
    "{file}:{line}: anchors and aliases are not read": (
        "{file}:{line}: アンカーとエイリアスは使えません"
    ),
    "{file}:{line}: control character U+{code}": "{file}:{line}: 制御文字 U+{code} があります",
    "{file}:{line}: expected keys and values, such as `key: value`": (
        "{file}:{line}: `key: value` の形で書いてください"
    ),
    "{file}:{line}: nested too deeply": "{file}:{line}: 入れ子が深すぎます",
    "{file}:{line}: not YAML: {problem}": "{file}:{line}: YAMLではありません: {problem}",
    "{file}:{line}: not in UTF-8": "{file}:{line}: UTF-8ではありません",
    "{file}:{line}: tags are not read": "{file}:{line}: タグは使えません",
    "{file}:{line}: unknown key {key}": "{file}:{line}: {key} というキーはありません",
    "{file}:{line}: {key} is missing": "{file}:{line}: {key} がありません",
    "{file}:{line}: {key} stands here twice": "{file}:{line}: {key} が2回あります",
    "{file}:{line}: {key}: expected {expected}, got {got}": (
        "{file}:{line}: {key}: {expected} が必要ですが、{got} です"
    ),
    "{file}:{line}: {key}: {problem}": "{file}:{line}: {key}: {problem}",
    "{file}:{line}: {value} is neither a decimal number nor a text": (
        "{file}:{line}: {value} は10進数でも文字列でもありません"
    ),
    "indent with blanks, not with tabs": "字下げはタブではなく空白を使ってください",
    "known keys: {known}": "使えるキー: {known}",
    "put a text that looks like something else in quotes": (
        "ほかの値に見える文字列は、引用符で囲んでください"
    ),
    "{name} is not a timezone": "{name} はタイムゾーンではありません",
    "a name of the tz database, such as Asia/Tokyo": "tz database の名前です。例: Asia/Tokyo",
    "{url} is not an http or https address": "{url} は http か https のアドレスではありません",
    "such as https://ca.example.jp, without query": "例: https://ca.example.jp (クエリなし)",
    "{text} is not a reverse-DNS name": "{text} はドメイン名を逆に並べた名前ではありません",
    "such as jp.example.ca": "例: jp.example.ca",
    "expected a file's name": "ファイル名を書いてください",
    "expected a program and its arguments": "プログラムとその引数を書いてください",
    "signing takes a certificate and a key: set both, or neither": (
        "署名には証明書と鍵が必要です。両方を設定するか、どちらも設定しないでください"
    ),
    "there is no profile for a device {name}": "端末 {name} のプロファイルはありません",
    "profiles: {known}": "プロファイル: {known}",
    "{name} is not a profile's name": "{name} はプロファイルの名前にできません",
    "a name has up to 32 of a-z, 0-9 and -, such as iphone": (
        "名前は a-z、0-9、- の32文字までです。例: iphone"
    ),
    "{file}: a profile's file is named NAME.yaml": (
        "{file}: プロファイルのファイル名は NAME.yaml です"
    ),
    "a value stands here twice": "同じ値が2回あります",
    "clientAuth needs digitalSignature": "clientAuth には digitalSignature が必要です",
    "{usage} is not for a key of {algorithm}": "{usage} は {algorithm} の鍵には使えません",
    "a mobileconfig carries the CA certificates itself; expected []": (
        "mobileconfig はCA証明書を自分で持つので、[] にしてください"
    ),
    "a mobileconfig needs compat": "mobileconfig は compat にしてください",
    "a brace without its other half": "波括弧の片方がありません",
    "unknown placeholder {placeholder}": "{placeholder} という差し込み項目はありません",
    "placeholders: {allowed}": "使える差し込み項目: {allowed}",
    "there is nothing to fill {template} in with": "{template} に差し込む値がありません",
    "{name}: rsa-2048 has 112 bits of strength, deprecated after 2030 (NIST IR 8547); certificates "
    "last {years} years": (
        "{name}: rsa-2048 の強度は112ビットで、2030年以後は非推奨です(NIST IR 8547)。証明書の有効"
        "期間は {years} 年です"
    ),
    "rsa-3072 or ec-p256 lasts": "rsa-3072 か ec-p256 なら安心です",
    "{name}: iOS before 18, macOS before 15, Android before 14 and Windows 10 before 1709 say "
    "`wrong password` to a modern PKCS#12": (
        "{name}: iOS 17以前、macOS 14以前、Android 13以前、Windows 10 1703以前では、modern の"
        "PKCS#12が「パスワードが違います」となって開けません"
    ),
    "compat opens everywhere": "compat ならどの端末でも開けます",
    # -- tables of people
    "a quote is opened and not closed": "引用符が閉じていません",
    "a quoted field goes on after its closing quote": "閉じた引用符の後に文字があります",
    "the columns are: {known}": "使える列: {known}",
    "the line has a NUL character": "行にNUL文字があります",
    "the line has more than {longest} characters": "行が {longest} 文字を超えています",
    "the line is not {encoding} throughout": "行に {encoding} ではない文字があります",
    "line {line}: {problem}": "{line} 行目: {problem}",
    "without --all-or-nothing the good lines are done": (
        "--all-or-nothing を付けなければ、正しい行だけを処理します"
    ),
    "bad lines: {count}; nothing was done": "誤りのある行が {count} 行あるので、何もしませんでした",
    "lines that were not done: {count}": "{count} 行は処理できませんでした",
    "stopped: line {line} and what follows it were not done": (
        "中断しました。{line} 行目以降は処理していません"
    ),
    "take the lines before it out of the table, and run the command again": (
        "それより前の行を表から除いて、もう一度実行してください"
    ),
    "{file}: the column {column} is missing": "{file}: 列 {column} がありません",
    "{file}: the column {column} is there twice": "{file}: 列 {column} が2つあります",
    "{file}: the column {column} is unknown": "{file}: 列 {column} は使えません",
    "{file}: the line of the columns: {problem}": "{file}: 見出しの行: {problem}",
    "{found} fields where {expected} columns are": (
        "項目が {found} 個あります(列は {expected} 個です)"
    ),
    # -- the download page: for people who are no engineers
    "Get your certificate": "証明書のダウンロード",
    "Type the number and the password that you were given.": (
        "お知らせした番号とパスワードを入力してください。"
    ),
    "That did not work.": "うまくいきませんでした。",
    "The number or the password is not right, or the certificate was downloaded already, revoked "
    "or has expired. Look at both once more, letter by letter.": (
        "番号かパスワードが違うか、証明書がすでにダウンロード済み・失効済・期限切れです。"
        "番号とパスワードを1文字ずつ、もう一度確かめてください。"
    ),
    "A certificate can be downloaded once. For another one, ask the administrator of your "
    "facility.": (
        "証明書をダウンロードできるのは1回だけです。もう一度必要なときは、"
        "施設の管理者に発行を依頼してください。"
    ),
    "Retrieval number": "証明書取得用No",
    "Eight digits, such as 67075623": "数字8桁（例：67075623）",
    "Retrieval password": "証明書取得用パスワード",
    "Three groups of four, such as abcd-efgh-2345. Capitals and hyphens do not matter.": (
        "4文字ずつ3組（例：abcd-efgh-2345）。大文字・小文字やハイフンの有無は問いません。"
    ),
    "Next": "次へ",
    "Your certificate": "証明書",
    "Your certificate is ready": "証明書の準備ができています",
    "For": "利用者",
    "Device": "端末",
    "Valid until": "有効期限",
    "Download": "ダウンロードする",
    "Press the button on the device for which the certificate is.": (
        "証明書を使う端末で、ボタンを押してください。"
    ),
    "It can be downloaded once. Keep the password at hand: installing asks for it.": (
        "ダウンロードできるのは1回だけです。インストールのときに証明書取得用パスワードを"
        "入力しますので、手元に用意してください。"
    ),
    "On iPhone and iPad, only Safari can install it.": (
        "iPhone・iPadでは、Safariで開いてください。ほかのアプリではインストールできません。"
    ),
    "Install your certificate": "証明書のインストール",
    "The download begins": "ダウンロードが始まります",
    "If nothing happens, press here:": "始まらないときは、ここを押してください。",
    "This works for ten minutes.": "10分間は、もう一度受け取ることができます。",
    "Install it on {device}": "{device}へのインストール",
    "Then delete the old certificate": "そのあと、古い証明書を削除します",
    "First log in with the new one. Only when that works, delete the old one, which expires on "
    "{end}.": (
        "まず新しい証明書でログインしてください。ログインできてから、"
        "古い証明書（有効期限 {end}）を削除します。"
    ),
    "These steps on a page that stays": "この手順だけのページ（あとからも見られます）",
    "Only for those who had one before: first log in with the new one. Only when that works, "
    "delete the old one, which is the one that expires earlier.": (
        "以前から証明書をお使いの方だけの手順です。まず新しい証明書でログインしてください。"
        "ログインできてから、有効期限の早いほうの、古い証明書を削除します。"
    ),
    "the earlier date": "早いほうの日付",
    "Other devices": "ほかの端末",
    "This link has been used up": "使用済みのリンク",
    "This link cannot be used any more": "このリンクは使えません",
    "The certificate was downloaded already, or the link is too old or not complete.": (
        "証明書がすでにダウンロードされたか、リンクの期限が切れたか、リンクが途中で切れています。"
    ),
    "If nobody has downloaded it yet, number and password still work:": (
        "まだダウンロードしていなければ、番号とパスワードでダウンロードできます。"
    ),
    "Type number and password": "番号とパスワードを入力する",
    "For another certificate, ask the administrator of your facility.": (
        "証明書がもう一度必要なときは、施設の管理者に発行を依頼してください。"
    ),
    "How to install one that you have downloaded": "ダウンロードした証明書のインストール",
    "Locked for a while": "しばらくお待ちください",
    "There were too many wrong passwords for this number. It can be tried again from {time} on.": (
        "この番号に対するパスワードの間違いが続いたため、一時的に止めています。"
        "{time} 以降に、もう一度お試しください。"
    ),
    "There were too many wrong passwords from your network. It can try again from {time} on.": (
        "お使いのネットワークからのパスワードの間違いが続いたため、一時的に止めています。"
        "{time} 以降に、もう一度お試しください。"
    ),
    "The link in the mail is not locked. In a hurry, ask the administrator of your facility or "
    "the operator.": (
        "メールのリンクはそのまま使えます。お急ぎのときは、施設の管理者か運営担当者に"
        "お問い合わせください。"
    ),
    "Try again": "もう一度試す",
    "There is no such page": "ページが見つかりません",
    "The address is perhaps not complete.": ("アドレスが途中で切れていないか、確かめてください。"),
    "Just a moment, please": "少しお待ちください",
    "The page is busy. Nothing was lost: try again in a minute.": (
        "混み合っています。証明書はそのまま残っていますので、1分ほどしてからもう一度お試しください。"
    ),
    "Your browser sent something that cannot be read. Please begin again.": (
        "送られた内容を読み取れませんでした。最初からやり直してください。"
    ),
    "The mistake is ours, and has been recorded. Nothing was lost: try again in a minute.": (
        "こちら側の問題で、記録しました。1分ほどしてからもう一度お試しください。"
    ),
    "To the first page": "最初のページへ",
    # -- what people do on their device, in the words that it shows
    "Close the browser, open it again, and log in to the portal.": (
        "ブラウザーをすべて閉じてから開き直し、ポータルにログインします。"
    ),
    "Open the downloaded file {file}. The Certificate Import Wizard starts.": (
        "ダウンロードしたファイル {file} を開きます。"
        "「証明書のインポート ウィザード」が始まります。"
    ),
    "Leave “Current User” selected, and press “Next” twice.": (
        "「現在のユーザー」を選んだまま、「次へ」を2回押します。"
    ),
    "Type the retrieval password, and press “Next”.": (
        "証明書取得用パスワードを入力し、「次へ」を押します。"
    ),
    "Leave “Automatically select the certificate store” selected, and press “Next”, then "
    "“Finish”. If a security warning appears, press “Yes”.": (
        "「証明書の種類に基づいて、自動的に証明書ストアを選択する」を選んだまま「次へ」、"
        "続いて「完了」を押します。「セキュリティ警告」が出たら「はい」を押します。"
    ),
    "Press the Windows key, type certmgr.msc, and press Enter.": (
        "Windowsキーを押し、certmgr.msc と入力してEnterキーを押します。"
    ),
    "Open “Personal”, then “Certificates”.": "「個人」、「証明書」の順に開きます。",
    "Right-click the one that expires on {end}, and choose “Delete”.": (
        "有効期限が {end} の証明書を右クリックし、「削除」を選びます。"
    ),
    "Open the downloaded file {file}. Keychain Access starts. If it asks for a keychain, choose "
    "“login”.": (
        "ダウンロードしたファイル {file} を開きます。「キーチェーンアクセス」が始まります。"
        "キーチェーンを聞かれたら「ログイン」を選びます。"
    ),
    "Type the retrieval password, and press “OK”.": (
        "証明書取得用パスワードを入力し、「OK」を押します。"
    ),
    "Open Keychain Access, and choose “login”, then “My Certificates”.": (
        "「キーチェーンアクセス」を開き、「ログイン」、「自分の証明書」の順に選びます。"
    ),
    "Control-click the one that expires on {end}, and choose “Delete”.": (
        "有効期限が {end} の証明書をcontrolキーを押しながらクリックし、「削除」を選びます。"
    ),
    "Safari asks whether to download a configuration profile: tap “Allow”, then “Close”.": (
        "Safariに「構成プロファイルをダウンロードしようとしています」と出たら、"
        "「許可」、「閉じる」の順にタップします。"
    ),
    "Within 8 minutes, open “Settings” and tap “Profile Downloaded” at the top. If it is not "
    "there: “General”, then “VPN & Device Management”.": (
        "8分以内に「設定」を開き、上のほうの「プロファイルがダウンロードされました」をタップします。"
        "出ていないときは「一般」、「VPNとデバイス管理」の順に開きます。"
    ),
    "Tap “Install”, type the passcode of the device, and tap “Install” again.": (
        "「インストール」をタップし、端末のパスコードを入力して、"
        "もう一度「インストール」をタップします。"
    ),
    "Type the retrieval password, and tap “Next”, then “Done”.": (
        "証明書取得用パスワードを入力し、「次へ」、「完了」の順にタップします。"
    ),
    "In “Settings”, open “General”, “About”, “Certificate Trust Settings”, and switch on {root}.": (
        "「設定」の「一般」、「情報」、「証明書信頼設定」の順に開き、{root} をオンにします。"
    ),
    "Open Safari, and log in to the portal.": "Safariを開き、ポータルにログインします。",
    "Open “Settings”, “General”, “VPN & Device Management”.": (
        "「設定」の「一般」、「VPNとデバイス管理」の順に開きます。"
    ),
    "Tap the profile whose certificate expires on {end} (“More Details” shows it).": (
        "証明書の有効期限が {end} のプロファイルをタップします（「詳細」で確かめられます）。"
    ),
    "Tap “Remove Profile”, and type the passcode of the device.": (
        "「プロファイルを削除」をタップし、端末のパスコードを入力します。"
    ),
    "Open the downloaded file {file}, from the notification or in “Files”, “Downloads”.": (
        "ダウンロードしたファイル {file} を、通知か「Files」の「ダウンロード」から開きます。"
    ),
    "Type the retrieval password, and tap “OK”.": (
        "証明書取得用パスワードを入力し、「OK」をタップします。"
    ),
    "Choose “VPN & app user certificate”, and tap “OK”.": (
        "「VPNとアプリユーザー証明書」を選び、「OK」をタップします。"
    ),
    "Give it any name, and tap “OK”.": "好きな名前を付け、「OK」をタップします。",
    "Open “Settings”, “Security & privacy”, “More security & privacy”, “User credentials”.": (
        "「設定」の「セキュリティとプライバシー」、「その他のセキュリティとプライバシー」、"
        "「ユーザー認証情報」の順に開きます。"
    ),
    "Tap the one that was there before, and tap “Uninstall”.": (
        "前からあるほうをタップし、「アンインストール」をタップします。"
    ),
    "Open the downloaded file {file} in the settings for certificates of the device.": (
        "端末の証明書の設定で、ダウンロードしたファイル {file} を開きます。"
    ),
    "Type the retrieval password when you are asked for a password.": (
        "パスワードを聞かれたら、証明書取得用パスワードを入力します。"
    ),
    "In the same settings, delete the one that expires on {end}.": (
        "同じ設定で、有効期限が {end} の証明書を削除します。"
    ),
    "Give the downloaded file {file} to the program that has the key.": (
        "ダウンロードしたファイル {file} を、鍵を持っているプログラムに渡します。"
    ),
    # -- rca serve, rca unlock
    "the download page": "ダウンロードページ",
    "a number that was guessed at": "パスワードの間違いで止まった番号のロックを解除する",
    "listening on {url}": "{url} で待ち受けています",
    "{number} can be tried again": "{number} をもう一度試せるようにしました",
    "Serves the download page, CRLs, CA certificates and OCSP until it is told to stop. It needs "
    "neither the passphrase nor a key of a CA. docs/portal.md tells how to put it behind nginx.": (
        "ダウンロードページ、CRL、CA証明書、OCSP応答を、止められるまで配信します。"
        "パスフレーズもCAの鍵も要りません。nginx の背後に置く方法は docs/portal.md にあります。"
    ),
    "Lets a retrieval number be tried again at once, after wrong passwords have locked it on the "
    "download page. Without this a lock ends after an hour.": (
        "パスワードの間違いでダウンロードページが止めた証明書取得用Noを、すぐに試せるようにします。"
        "何もしなくても1時間で解けます。"
    ),
    "where; else 127.0.0.1:8080": "待ち受ける場所。指定しなければ 127.0.0.1:8080",
    "the certificate of the site with its chain, PEM; without it, plain HTTP": (
        "サイトの証明書と中間証明書(PEM)。なければ平文のHTTP"
    ),
    "its key": "その鍵",
    "TLS takes a certificate and a key: give both, or neither": (
        "TLSには証明書と鍵が要ります。両方を指定するか、どちらも指定しないでください"
    ),
    "passwords travel in the clear: this is plain HTTP on {host}": (
        "パスワードが平文で流れます。{host} で平文のHTTPを使っています"
    ),
    "give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy": (
        "--tls-cert と --tls-key を指定するか、プロキシの背後で 127.0.0.1 で待ち受けてください"
    ),
    "the portal is not installed: {reason}": "ポータルがインストールされていません: {reason}",
    "pip install 'renrakucho-ca[portal]'": "pip install 'renrakucho-ca[portal]'",
    "the portal knows no passphrase": "ポータルはパスフレーズを持ちません",
    "only {found} files may be open at once, and the portal needs {least}": "同時に開けるファイルは {found} 個だけです。ポータルには {least} 個が必要です",
    "raise `ulimit -n`, or LimitNOFILE= of the unit": "`ulimit -n`、またはユニットの LimitNOFILE= を大きくしてください",
    "the portal is busy": "ポータルは混み合っています",
    "try again in a minute": "1分ほどしてからもう一度試してください",
    "the form came from another site": "フォームが別のサイトから送られました",
    "the form did not arrive as it should": "フォームが正しく届きませんでした",
    "the form has more than {largest} bytes": "フォームが {largest} バイトを超えています",
    "{text} is not a host and a port": "{text} はホストとポートではありません",
    "such as 127.0.0.1:8080": "例: 127.0.0.1:8080",
    "{text} is not an address": "{text} はアドレスではありません",
    "an IPv4 or IPv6 address, such as 127.0.0.1; no network, no name": (
        "127.0.0.1 のようなIPv4かIPv6のアドレスを書きます。ネットワークや名前は使えません"
    ),
    # Mails and sheets
    "Telling people": "利用者への連絡",
    "the outbox": "送信待ちメール",
    "sheets to print": "印刷して渡す用紙",
    "The outbox: mails with number, password and link (`rca issue --mail`).": (
        "送信待ちメール: 証明書取得用No・パスワード・リンクを知らせるメール (`rca issue --mail`)。"
    ),
    "what waits, was sent, was given up": "送信待ち・送信済み・断念したもの",
    "sends what is due; for cron, every few minutes": "送るべきものを送る(cronで数分ごとに)",
    "Lists the mails, oldest first.": "メールを古い順に一覧にします。",
    "Sends what is due, by the mail server of rca.yaml. What it refuses for now is tried again "
    "later; what it refuses for good, or for two days, is given up.": (
        "rca.yaml のメールサーバーで、送るべきメールを送ります。一時的に断られたものは後で再送し、恒久的に断られたもの、2日たっても送れないものは断念します。"
    ),
    "Writes sheets to print, a page for each person: number, password, QR code of the download "
    "page, the steps for the device. The file has passwords: print it, then delete it.": (
        "印刷して渡す用紙を、1人1ページで作ります。証明書取得用No、パスワード、ダウンロードページの QR コード、端末ごとの手順が載ります。パスワードを含むので、"
        "印刷したらファイルを削除してください。"
    ),
    "what this facility has not downloaded yet": "この施設がまだダウンロードしていないもの",
    "what this user has not downloaded yet": "この利用者がまだダウンロードしていないもの",
    "the file, for its owner alone": "出力先のファイル(所有者だけが読める)",
    "name a number, --facility or --user": "証明書取得用No、--facility、--user のいずれかを指定してください",
    "nothing waits to be downloaded": "ダウンロード待ちのものはありません",
    "public_url is not set in rca.yaml: the sheets have no QR code": (
        "rca.yaml に public_url がないため、用紙に QR コードは載りません"
    ),
    "put a mail to the user into the outbox (`rca mail send`)": (
        "利用者へのメールを送信待ちにする(`rca mail send` で送信)"
    ),
    "{user} has no mail address: hand the number over": "{user} にはメールアドレスがありません。番号とパスワードを直接渡してください",
    "no mail server is set": "メールサーバーが設定されていません",
    "mail: host: in rca.yaml": "rca.yaml の mail: host: に設定します",
    "the mail server {host} cannot be used: {reason}": "メールサーバー {host} を利用できません: {reason}",
    "the mails wait; run `rca mail send` again": "メールは送信待ちのままです。`rca mail send` をもう一度実行してください",
    "{number}: {problem}": "{number}: {problem}",
    "{count} mails were given up": "{count} 通のメールを断念しました",
    "`rca mail list --state failed` shows them; tell those people another way": (
        "`rca mail list --state failed` で確かめ、別の方法で知らせてください"
    ),
    "{count} mail addresses; at most {most} are kept": (
        "メールアドレスが {count} 件あります。登録できるのは {most} 件までです"
    ),
    "{text} is not a sender": "{text} は差出人として使えません",
    "such as ca@example.jp or Example City <ca@example.jp>": "例: ca@example.jp、見本市 <ca@example.jp>",
    "a host needs a sender": "host には sender も必要です",
    "a login needs starttls or tls": "ログインには starttls か tls が必要です",
    "a login takes a user and a password_file: set both, or neither": (
        "ログインには user と password_file の両方が必要です"
    ),
    "the template {name} cannot be filled in: {problem}": "テンプレート {name} に誤りがあります: {problem}",
    "recipients": "宛先",
    "state": "状態",
    "next try at": "次の送信",
    "tries": "試行",
    "problem": "問題",
    "link": "リンク",
    "sheets": "枚数",
    "sent": "送信済み",
    "postponed": "後で再送",
    "MailState.waiting": "送信待ち",
    "MailState.sent": "送信済み",
    "MailState.failed": "断念",
    "MailState.void": "取り消し",
    "[{network}] Your certificate for {device}": "【{network}】証明書の発行のお知らせ({device})",
    "A certificate was issued for you.": "あなたの証明書が発行されました。",
    "1. Open this on the device itself, by {day} {time}:": (
        "1. {day} {time} までに、証明書を入れる端末で次のリンクを開いてください。"
    ),
    "2. Or open the download page, also later, and type number and password:": (
        "2. または(期限のあとも)ダウンロードページを開き、番号とパスワードを入力してください。"
    ),
    "The retrieval password is told to you another way.": "証明書取得用パスワードは別の方法でお知らせします。",
    "It can be downloaded once. The password opens the file when you install it.": (
        "ダウンロードできるのは1回だけです。インストールのときにも同じパスワードを入力します。"
    ),
    "Install it": "インストールの手順",
    "These steps as a page": "手順のページ",
    "Portal": "ポータル",
    "To the download": "ダウンロードへ",
    "Hand-over sheets": "証明書のお渡し用紙",
    "On the device itself, scan the code or open {address}, and type number and password.": (
        "証明書を入れる端末で QR コードを読み取るか、{address} を開いて、番号とパスワードを入力してください。"
    ),
    "This sheet is for you alone. Destroy it once the certificate is installed.": (
        "この用紙はご本人専用です。インストールが終わったら破棄してください。"
    ),
    # doctor
    "Care": "点検",
    "what is wrong, or will be next week": "いま、または近く問題になること",
    "Looks for what is wrong or will be next week: settings, permissions, database, audit log, "
    "clock, backup, keys, hierarchies, algorithms, cut-offs, CRLs, OCSP, mails, disk. Says what to "
    "do about each, and changes nothing; the exit code is 8 where there is anything. With the "
    "passphrase at hand it proves the keys too. A table shows what was found, json and csv every "
    "check.": (
        "いま、または近く問題になることを調べます: 設定、権限、データベース、監査ログ、時計、バックアップ、鍵、階層、アルゴリズム、切替日、CRL、OCSP、メール、ディスク。"
        "それぞれの対処も示し、何も変更しません。何かあれば終了コードは 8 です。パスフレーズが指定されていれば鍵も確かめます。"
        "表には見つかったものだけを、json と csv にはすべての点検項目を示します。"
    ),
    "severity": "程度",
    "permissions": "権限",
    "owners": "所有者",
    "links": "リンク",
    "disk": "ディスク",
    "database": "データベース",
    "restored": "復元",
    "audit": "監査ログ",
    "clock": "時計",
    "backup": "バックアップ",
    "left-over keys": "記録のない鍵",
    "hierarchies": "階層",
    "algorithms": "アルゴリズム",
    "cut-off": "切替日",
    "CRL": "CRL",
    "published": "公開ファイル",
    "hook": "publish_hook",
    "OCSP": "OCSP",
    "intents": "途中の発行",
    "mails": "メール",
    "passphrase": "パスフレーズ",
    "Severity.ok": "良好",
    "Severity.unknown": "不明",
    "Severity.warning": "注意",
    "Severity.problem": "問題",
    "PRAGMA journal_mode = DELETE, or SQLite 3.51.3 (sqlite.org/wal.html)": "PRAGMA journal_mode = DELETE に戻すか、SQLite 3.51.3 以降にしてください(sqlite.org/wal.html)",
    "a month is enough; who comes later gets another one with `rca reissue`": "1か月で十分です。遅れた人には `rca reissue` で発行し直してください",
    "also figures for Prometheus, as node_exporter's textfile collector reads them; - for stdout, in place of the table": "Prometheus 用の数値も書き出す(node_exporter の textfile collector の形式)。- なら表の代わりに標準出力へ",
    "an older one comes up to date with the next command that uses it, such as `rca list`; for a newer one update rca": "古いものは、`rca list` など次に使うコマンドで新しくなります。新しすぎるなら rca を更新してください",
    "bundle_days: private keys wait {days} days for somebody to fetch them": "bundle_days: 秘密鍵が受け取りを {days} 日間も待ちます",
    "chmod o-w {path}": "chmod o-w {path}",
    "chmod o-w {path}, or move the home": "chmod o-w {path} を実行するか、ホームを別の場所に移してください",
    "chown {owner} {path}; run every command as {owner}": "chown {owner} {path} を実行し、今後はすべてのコマンドを {owner} で実行してください",
    "delete files that nobody needs; df -i shows where": "不要なファイルを削除してください。場所は df -i で分かります",
    "find out who laid it; the file itself belongs there": "誰が作ったものか調べてください。ここには実体のファイルを置きます",
    "find the other one (find -samefile), and who made it": "もう一つの名前を find -samefile で探し、誰が作ったものか調べてください",
    "give it TLS, at the proxy or with `rca serve --tls-cert`, and https here": "プロキシか `rca serve --tls-cert` で TLS を使い、ここを https にしてください",
    "it could not be looked at: see {check}": "点検できませんでした: {check} を見てください",
    "it could not be looked at: {kind}": "点検できませんでした: {kind}",
    "mail: links and passwords travel in the clear to {host}": "mail: リンクとパスワードが {host} まで暗号化されずに送られます",
    "make room: a full disk stops issuing and revoking": "空きを作ってください。ディスクがいっぱいになると発行も失効もできません",
    "mend that first": "先にそちらを直してください",
    "mend what is named, or bring it back: `rca restore`": "示されたものを直すか、`rca restore` で復元してください",
    "move them with `rca migrate`: modern servers refuse them": "`rca migrate` で移してください。最近のサーバーは受け付けません",
    "name the proxy by its address in your own network": "プロキシは内部ネットワークのアドレスで指定してください",
    "publish_hook is due since {date}: servers have not loaded the newest CRL": "publish_hook が {date} から実行されていません。サーバーは最新の CRL を読み込んでいません",
    "rca publish, which says what is wrong with it": "rca publish を実行してください。何が悪いか表示されます",
    "restore a backup, if the passphrase is right": "パスフレーズが正しければ、バックアップから復元してください",
    "rsa-3072 or ec-p256 in the profile, then `rca reissue` before 2031": "プロファイルを rsa-3072 か ec-p256 にし、2031年より前に `rca reissue` してください",
    "security: starttls, or tls": "security を starttls か tls にしてください",
    "set the clock; chronyd or systemd-timesyncd keeps it right": "時計を合わせてください。chronyd や systemd-timesyncd を使うと狂いません",
    "the OCSP responses of {name} have expired: servers that ask refuse everyone": "{name} の OCSP 応答の期限が切れています。OCSP を使うサーバーは全員を拒否します",
    "the clock says {now}, and the last row of the audit log is of {before}": "時計は {now} を指していますが、監査ログの最後の行は {before} のものです",
    "the database is in WAL mode, in which SQLite {version} can corrupt it": "データベースが WAL モードです。SQLite {version} では壊れることがあります",
    "the home lies in {path}, where anybody can put another in its place": "ホームのある {path} は誰でも書き込めるため、すり替えられるおそれがあります",
    "the key of {name}: {problem}": "{name} の鍵: {problem}",
    "the store has schema {found}, this rca {own}": "保管場所のスキーマは {found}、この rca は {own} です",
    "trusted_proxies: {address} is out in the internet, and is believed who asks": "trusted_proxies: {address} はインターネット上のアドレスですが、接続元の申告が信用されます",
    "{count} certificates of {name} have RSA-2048 keys, 112 bits, and last past 2030 (NIST SP 800-57)": "{name} の {count} 件の証明書は RSA-2048(112ビット)の鍵で、2030年より後まで有効です(NIST SP 800-57)",
    "{count} live certificates of {name} are signed with SHA-1 or MD5": "{name} の有効な {count} 件の証明書が SHA-1 か MD5 で署名されています",
    "{count} mails were given up, and nobody has what they were about": "{count} 通のメールの送信を断念しました。相手にはまだ届いていません",
    "{file} is damaged": "{file} が壊れています",
    "{file} is missing": "{file} がありません",
    "{file} is not what was published": "{file} は公開したものと違います",
    "{file} is not the newest CRL": "{file} は最新の CRL ではありません",
    "{free} MB are free on the disk of the store; {needed} MB may be needed": "保管場所のディスクの空きは {free} MB ですが、{needed} MB 必要になることがあります",
    "the disk of the store is mounted read-only: nothing can be issued or revoked": (
        "保管場所のディスクが読み取り専用です。発行も失効もできません"
    ),
    "the kernel does so after an error of the disk: dmesg tells; then mount -o remount,rw": (
        "ディスクのエラーが起きるとカーネルが読み取り専用にします。dmesg で確認し、mount -o remount,rw で戻してください"
    ),
    "{free} more files fit on the disk of the store: it runs out of inodes": "保管場所のディスクにはあと {free} 個しかファイルを作れません(inode 不足)",
    "{key}: passwords and certificates travel in the clear to {url}": "{key}: {url} へはパスワードと証明書が暗号化されずに送られます",
    "{name} ends on {end}, and {live} certificates with it before their time": "{name} は {end} に終わり、{live} 件の証明書がその期限より前に使えなくなります",
    "{name} ends on {end}: it can issue nothing for {years} years any more": "{name} は {end} に終わります。{years}年有効の証明書はもう発行できません",
    "{name} ends on {end}: within a year it can issue nothing for {years} years": "{name} は {end} に終わります。1年以内に、{years}年有効の証明書を発行できなくなります",
    "{name} is not published": "{name} は公開されていません",
    "{name} has an RSA-2048 key, 112 bits, and lasts past 2030 (NIST SP 800-57)": "{name} の鍵は RSA-2048(112ビット)で、2030年より後まで有効です(NIST SP 800-57)",
    "{name} is signed with SHA-1 or MD5": "{name} は SHA-1 か MD5 で署名されています",
    "{path} belongs to {other}, the store to {owner}": "{path} の所有者は {other} ですが、保管場所の所有者は {owner} です",
    "{path} can be written by others": "{path} は所有者以外も書き込めます",
    "{path} has another name somewhere: {count} hard links": "{path} にはほかの名前もあります(ハードリンク {count} 個)",
    "{path} is a symbolic link to {target}": "{path} は {target} へのシンボリックリンクです",
    "rca publish; then find out who changed it": "rca publish のあと、誰が書き換えたか調べてください",
    "rca publish; for a root whose key is elsewhere, with --root-key FILE|URI": (
        "rca publish(鍵を別に保管しているルートは --root-key FILE|URI を付けて)"
    ),
    "found: {count}": "{count} 件見つかりました",
    "{count} checks, nothing wrong": "{count} 項目を点検しました。問題はありません",
    "check": "点検項目",
    "hint": "対処",
    "the cut-off of {name} has come, and {live} of its certificates are not revoked": (
        "{name} の切替日を過ぎましたが、{live} 件の証明書が失効していません"
    ),
    "rca expire && rca publish; then look why cron did not do it": (
        "rca expire && rca publish を実行し、cron で行われなかった理由を調べてください"
    ),
    "the CRL of {name} ends on {end} and cannot be renewed: its key is not here": (
        "{name} のCRLは {end} に期限が切れますが、鍵がここにないため更新できません"
    ),
    "if it was lost with a machine, make another hierarchy and move its devices there before that: rca migrate --from {hierarchy}": (
        "鍵がマシンとともに失われた場合は、それまでに別の階層を作り、端末を移行してください: rca migrate --from {hierarchy}"
    ),
    "{name} has no CRL: nginx lets nobody in without one": (
        "{name} の CRL がありません。CRL がないと nginx は誰も通しません"
    ),
    "rca publish": "rca publish",
    "the CRL of {name} has expired: servers refuse everyone": (
        "{name} の CRL の期限が切れています。サーバーは全員を拒否します"
    ),
    "the CRL of {name} ends on {end} and was not renewed at half its life": (
        "{name} の CRL は {end} に期限が切れますが、まだ更新されていません"
    ),
    "servers do not know yet what was revoked in {name}": "{name} の失効がまだサーバーに伝わっていません",
    "the key of {name} is missing from ca-store/keys": "{name} の鍵が ca-store/keys にありません",
    "restore a backup: nothing can be issued or revoked without it": (
        "バックアップから復元してください。鍵がないと発行も失効もできません"
    ),
    "make a new hierarchy, and move everyone with `rca migrate`": (
        "新しい階層を作り、`rca migrate` で全員を移してください"
    ),
    "{path} can be read or written by others": "{path} は所有者以外も読み書きできます",
    "chmod go-rwx {path}": "chmod go-rwx {path}",
    "the database is damaged: {problem}": "データベースが壊れています: {problem}",
    "the database is not as rca makes it: {part}": "データベースが rca の作ったものと違います: {part}",
    "somebody has changed it: look at what, or restore a backup": (
        "誰かが変更しています。何が変わったかを調べるか、バックアップから復元してください"
    ),
    "the clock says {now}, and something was signed at {before} already": (
        "時計は {now} を指していますが、{before} に署名したものがすでにあります"
    ),
    "set the clock; if it is right and was ahead before, revoke what was issued then and "
    "`rca publish --trust-clock`": (
        "時計を合わせてください。いまの時計が正しく、以前の時計が進んでいたのなら、そのときに発行したものを"
        "失効させてから `rca publish --trust-clock` を実行してください"
    ),
    "the store is damaged: it holds {value} where that cannot be": (
        "保管場所が壊れています。あり得ない値 {value} があります"
    ),
    "{count} certificates were begun and not finished": "{count} 件の発行が途中で終わっています",
    "the next `rca issue` revokes them": "次に `rca issue` を実行すると失効します",
    "{count} mails have waited for more than six hours": "{count} 通のメールが6時間以上送信待ちです",
    "rca mail send; then look why cron did not do it": "rca mail send を実行し、cron で行われなかった理由を調べてください",
    # -- rca issue --batch, rca reissue
    "Issues a certificate for a device of a user, and shows the retrieval number and the "
    "retrieval password. A user who is not known yet is made. With --batch, issues one for each "
    "line of a table.": (
        "利用者の端末に証明書を発行し、証明書取得用Noと証明書取得用パスワードを表示します。未登録の利用者は登録されます。--batch を指定すると、表の1行ごとに1枚発行します。"
    ),
    "a table with the columns user, device and, if wanted, note, name, email, facility, network": (
        "表のファイル。列は user, device と、必要なら note, name, email, facility, network"
    ),
    "worker processes; else one a core": "作業プロセスの数。指定がなければコアの数",
    "--batch has users, devices and notes in its table": "--batch では、利用者・端末・備考は表に書いてください",
    "name --device and --user, or --batch": "--device と --user、または --batch を指定してください",
    "a new one in place of another": "同じ利用者と端末に発行し直す",
    "Issues a new certificate for the same user, device and note. The one before is revoked as "
    "superseded at once, or, with --keep-old, stays.": (
        "同じ利用者、端末、備考で新しい証明書を発行します。前の証明書はすぐに失効します。--keep-old を指定すると残します。"
    ),
    "the one before stays valid": "前の証明書を有効なまま残す",
    "for another kind of device; else the same": "別の端末種別で発行する。省略時は同じ種別",
    "by issued, expires, number or user; with - before it, the other way round": (
        "並べ替え: issued, expires, number, user。前に - を付けると逆順"
    ),
    "in this state": "この状態のもの",
    # -- rca migrate, rca expire
    "The move to a new hierarchy": "新しい階層への移行",
    "everyone from old to new": "全員の証明書を新しい階層で発行し直す",
    "daily: cut-offs, what nobody fetched": "毎日の処理(切替日、取得されなかったもの)",
    "Re-issues every live certificate of the old hierarchy in the new one, for the same user, "
    "device and note, and sets the cut-off: until then both work, from then on only the new. It "
    "can be stopped at any moment and run again; nobody gets two. --status shows who has not "
    "moved yet.": (
        "古い階層の有効な証明書を、同じ利用者、端末、備考で、新しい階層からすべて発行し直し、切替日を定めます。切替日までは両方が使え、切替日からは新しいものだけが使えます。"
        "いつ中断しても、もう一度実行すれば続きから始まり、二重に発行することはありません。--status で、まだ移行していない人が分かります。"
    ),
    "from then on the old ones are refused: 2026-08-01": "切替日。この日から古い証明書は使えない。例: 2026-08-01",
    "only show how far it has come": "進み具合だけを表示する",
    "the old hierarchy; else old": "移行元の階層。指定がなければ old",
    "the new one; else new": "移行先の階層。指定がなければ new",
    "only users of this facility": "この施設の利用者だけ",
    "only users of this network": "この地域(ネットワーク)の利用者だけ",
    "at most so many now": "今回の最大の件数",
    "table for people, json or csv for scripts; html, with --status: a page for a manager": (
        "人が読むなら table、プログラム用は json か csv。--status では管理者向けページの html も"
    ),
    "html goes with --status": "html は --status と一緒に指定してください",
    "name --cutoff, or --status": "--cutoff か --status を指定してください",
    "the cut-off {cutoff} has come: what is left of {source} will be revoked. Go on?": (
        "切替日 {cutoff} を過ぎているので、{source} の残りの証明書は失効します。続けますか"
    ),
    "certificates": "証明書",
    "stopped: {remaining} remain": "中断しました。残り {remaining} 件です",
    "run the same command again: it goes on where it stopped": "同じコマンドをもう一度実行すると、続きから始まります",
    "{failed} could not be migrated": "{failed} 件が移行できませんでした",
    "nothing tells which device it is on": "どの端末のものか分かりません",
    "ask {user}, then: rca reissue {number} --keep-old --device D": (
        "{user} さんに端末を確認し、次を実行してください: rca reissue {number} --keep-old --device 種別"
    ),
    "{count} were in the hands of another run, or became live meanwhile: run it again": (
        "{count} 件は別の移行が処理中か、その間に有効になりました。もう一度実行してください"
    ),
    "then all that is live of {source} would be revoked": (
        "その後、{source} の有効なものをすべて失効させることになります"
    ),
    "{of}: {problem}": "{of}: {problem}",
    "{selected} would be issued in {target}, {failed} of them would fail; nothing was done": (
        "{target} から {selected} 件を発行することになります(うち {failed} 件は失敗します)。何もしていません"
    ),
    "already": "処理済み",
    "added": "追加",
    "described": "利用者を反映",
    "expired": "期限切れ",
    "records without certificate": "証明書のない記録",
    "passed over": "対象外のファイル",
    "reported": "問題",
    "from": "移行元",
    "to": "移行先",
    "selected": "対象",
    "remaining": "残り",
    "failures": "失敗の内容",
    "issued": "発行済み",
    "downloaded": "ダウンロード済み",
    "revoked": "失効済",
    "total": "合計",
    "live": "有効",
    "pending": "未発行",
    "to go": "残り",
    "Revokes what is left of a hierarchy whose cut-off has come, and what nobody fetched in time "
    "(bundle_days of rca.yaml); destroys the files of both. For cron, once a day, before `rca "
    "publish`.": (
        "切替日を過ぎた階層に残る証明書と、期間内(rca.yaml の bundle_days)に取得されなかった証明書を失効させ、そのファイルを破棄します。cronで1日1回、"
        "`rca publish` の前に実行してください。"
    ),
    "only tell what is due; then the exit code is 8": "対象を表示するだけ。対象があれば終了コードは 8",
    "something is due": "処理すべきものがあります",
    "rca expire does it": "rca expire で処理できます",
    "cut off": "切替日を過ぎたもの",
    "lapsed": "取得されなかったもの",
    "ended": "期限が切れたもの",
    "the move to the new certificates": "新しい証明書への移行状況",
    "as of {day}": "{day} 現在",
    "the old ones end on {day}": "古い証明書は {day} から使えません",
    "have moved": "移行済み",
    "of {total} certificates": "(全 {total} 件)",
    "still to go": "残り",
    "day by day": "日ごとの推移",
    "moved": "移行率",
    "all facilities": "全施設",
    "no facility named": "施設の指定なし",
    # -- rca hierarchy import
    "takes over a CA that exists": "既存の認証局を引き継ぐ",
    "Takes over a CA that exists, as the hierarchy NAME, with the certificates that it has "
    "issued; what is revoked stays revoked. Each is checked against the CA's signature. A second "
    "import adds what is new. Where the root itself issues, leave --issuing out.": (
        "既存の認証局を、発行済みの証明書とともに階層 NAME として引き継ぎます。失効済みのものは失効のままです。証明書は1枚ずつ認証局の署名で確かめます。もう一度取り込むと、"
        "新しいものだけを加えます。ルートが直接発行している場合は --issuing を省きます。"
    ),
    "the root's certificate": "ルートの証明書",
    "the certificate of the CA that issues": "発行CAの証明書",
    "the key of the CA that issues (of the root, if that is the one), a file or a pkcs11: URI; without it nothing can be issued and no CRL signed": (
        "発行CA(ルートが直接発行するならルート)の鍵(ファイルか pkcs11: URI)。なければ発行もCRLの署名もできない"
    ),
    "the file with the passphrase that --issuing-key is encrypted with": (
        "--issuing-key のパスフレーズを書いたファイル"
    ),
    "the key of the root of two tiers, a file or a pkcs11: URI": "2段の階層のルートの鍵(ファイルか pkcs11: URI)",
    "the file with the passphrase that --root-key is encrypted with": "--root-key のパスフレーズを書いたファイル",
    "certificates and CRLs: a folder, a file in PEM or DER, a PKCS#7, an OpenSSL index.txt, an "
    "Easy-RSA pki folder; can be given several times": (
        "証明書とCRL。フォルダ、PEMかDERのファイル、PKCS#7、OpenSSLの index.txt、Easy-RSAの pki フォルダ。何度でも指定できる"
    ),
    "whose they are: number,serial,user,device,note,issued_at,email,facility,network,name": (
        "利用者との対応表。列: number,serial,user,device,note,issued_at,email,facility,network,name"
    ),
    "the device of those of which no record tells it; else unknown": (
        "記録にない証明書の端末の種類。指定がなければ unknown"
    ),
    "{count} problems were found": "{count} 件の問題が見つかりました",
    "{place}: {problem}": "{place}: {problem}",
    "{reason}": "{reason}",
    "BEGIN without END": "BEGIN に対応する END がありません",
    "what stands between BEGIN and END is not base64": "BEGIN と END の間がbase64ではありません",
    "serial number {serial}: the hierarchy {name} has this certificate": (
        "シリアル番号 {serial}: この証明書は階層 {name} にすでにあります"
    ),
    "another CA signed this CRL": "このCRLは別の認証局が署名したものです",
    "another line is about the same certificate": "同じ証明書の行がほかにもあります",
    "give the folder with its certificates too": "証明書のフォルダも指定してください",
    "give the root with --root, and the CA that issues with --issuing": (
        "ルートは --root、発行CAは --issuing で指定してください"
    ),
    "it is longer than {longest} bytes": "{longest} バイトを超えています",
    "its successor has: {successor}": "後継の証明書は取り出せます: {successor}",
    "name the file that holds it with --issuing-key-passphrase-file": (
        "--issuing-key-passphrase-file でファイルを指定してください"
    ),
    "no certificate matches, and no date of issue says which hierarchy's it was": (
        "対応する証明書がなく、発行日もないため、どの階層のものか分かりません"
    ),
    "no certificate matches, and one issued on {date} is not the old hierarchy's": (
        "対応する証明書がなく、発行日 {date} は古い階層のものではありません"
    ),
    "no certificate matches: it is kept as a record alone": "対応する証明書がないため、記録だけを残します",
    "none of its lines is about a certificate of {name}: it is passed over": (
        "階層 {name} の証明書の行がないため、読み飛ばしました"
    ),
    "serial number {serial}: another CA signed it": "シリアル番号 {serial}: 別の認証局が署名したものです",
    "serial number {serial}: it ends before it begins": "シリアル番号 {serial}: 有効期間の終わりが始まりより前です",
    "{file}: no certificate, CRL or index": "{file}: 証明書・CRL・索引ではありません",
    "{file}: {kind} is not opened ({count} such files)": (
        "{file}: {kind} は開きません(同種のファイル {count} 件)"
    ),
    "if it has certificates that lie nowhere else, export them as PEM and give these too": (
        "ほかの場所にない証明書が入っていれば、PEM形式で書き出し、それも指定してください"
    ),
    "give the certificate that the root itself signed. A CA of three tiers cannot be taken over: bring its people with rca user import, and issue with --batch": (
        "ルート自身が署名した証明書を指定してください。3階層の認証局は引き継げません。rca user import で利用者を登録し、rca issue --batch で発行してください"
    ),
    "a second CA under the same root, as after a renewal with another key, cannot be taken over: bring its people with rca user import, and issue with --batch": (
        "同じルートの2つ目の認証局(別の鍵で更新されたものなど)は引き継げません。rca user import で利用者を登録し、rca issue --batch で発行してください"
    ),
    "of a CA that was renewed with its key, go on giving the certificate that was given first": (
        "同じ鍵で更新された認証局なら、最初に指定した証明書を引き続き指定してください"
    ),
    "there is no certificate, CRL or index in it": "証明書・CRL・索引が1つもありません",
    "what follows in the file cannot be read": "ファイルの残りの部分を読み取れません",
    "it names no user, and is listed as {number}'s: {reason}": (
        "利用者名として使える名前がないため、利用者を {number} とします: {reason}"
    ),
    "say whose it is with --records": "--records で利用者を示してください",
    "this is a PKCS#12, where a certificate is wanted": (
        "これはPKCS#12です。証明書を指定してください"
    ),
    "openssl pkcs12 -in FILE -nokeys -out ca.pem": "openssl pkcs12 -in FILE -nokeys -out ca.pem",
    "if it is, the key's encryption is too old: openssl pkey -in FILE -aes256 -out ca.key": (
        "正しければ、鍵の暗号方式が古すぎます: openssl pkey -in FILE -aes256 -out ca.key"
    ),
    "such as 2026-01-16 or 2026/1/16": "例: 2026-01-16、2026/1/16",
    "{text} is a spreadsheet's count of days, and not all of them count from the same day": (
        "{text} は表計算ソフトの通算日数です。起点の日がソフトにより異なるため、日付とは解釈しません"
    ),
    "give the column the format of a date, such as 2026/1/16, and save it again": (
        "その列の表示形式を日付(2026/1/16 など)にして、保存し直してください"
    ),
    "{text} is what a spreadsheet left of a number: its last digits are lost": (
        "{text} は表計算ソフトが丸めた数値です。下の桁が失われています"
    ),
    "take it anew from where it came from, into a column with the format Text": (
        "表示形式を「文字列」にした列に、元のデータから入れ直してください"
    ),
    "the CA used the serial number {serial} for another certificate before": (
        "シリアル番号 {serial} は、同じ認証局の別の証明書で使われています"
    ),
    "nothing is signed with the CA's key: {reason}": "この認証局の鍵では署名しません: {reason}",
    "leave the key out: what the CA has issued can be migrated without it": (
        "鍵を指定せずに取り込んでください(発行済みの証明書は、鍵がなくても移行できます)"
    ),
    "the CA's key cannot be opened: is its passphrase right?": "認証局の鍵を開けません(パスフレーズを確かめてください)",
    "the CA's key is encrypted, and there is no passphrase for it": "認証局の鍵は暗号化されていますが、パスフレーズがありません",
    "the hierarchy {name} has other CAs already": "階層 {name} には別の認証局がすでにあります",
    "the number {number} begins with 0: it gets another": "証明書取得用No {number} は0で始まるため、別の番号にしました",
    "the number {number} is taken: it gets another": "証明書取得用No {number} は使われているため、別の番号にしました",
    "the serial number {serial} is that of a certificate with another fingerprint": "シリアル番号 {serial} の証明書は、フィンガープリントが異なります",
    "there are {count} certificates where one is wanted": "証明書が {count} 枚あります(1枚だけ必要です)",
    "there is no certificate that can be read": "読み取れる証明書がありません",
    "there is no private key that can be read": "読み取れる秘密鍵がありません",
    "this CA is known already, as the hierarchy {name}": "この認証局は、階層 {name} としてすでに登録されています",
    "this is not a PKCS#7 with certificates that can be read": "読み取れる証明書のあるPKCS#7ではありません",
    "this is not a line of an index": "index.txt の行ではありません",
    "{file} is longer than {longest} bytes": "{file} が {longest} バイトを超えています",
    "{subject} is not a CA's certificate": "{subject} は認証局の証明書ではありません",
    "{subject} is not a root: another CA signed it": "{subject} はルートではありません(別の認証局が署名しています)",
    "{text} is not a SHA-256 fingerprint": "{text} はSHA-256のフィンガープリントではありません",
    "{text} is not a time": "{text} は日時ではありません",
    # -- the store
    "the store is busy": "保管場所は使用中です",
    "another command is writing; try again": "別のコマンドが書き込み中です。もう一度実行してください",
    "this version of SQLite cannot join blobs": "このバージョンの SQLite ではCRLの項目を結合できません",
    "use another one": "別のバージョンを使ってください",
    "the store cannot be written: it is read-only": "保管場所に書き込めません(読み取り専用です)",
    "the store cannot be opened": "保管場所を開けません",
    "check who owns the home and its ca-store": "ホームと ca-store の所有者を確かめてください",
    "the disk reported an error": "ディスクのエラーです",
    "nothing was lost; look at the system's log": "失われたものはありません。システムのログを確かめてください",
    "the store is damaged": "保管場所が壊れています",
    "the key of the bundles is damaged: {path}": "証明書ファイルを保護する鍵が壊れています: {path}",
    "{parameter} takes a whole number from {least} to {most}": (
        "{parameter} には {least} から {most} までの整数を指定してください"
    ),
    "[{network}] {number} is locked": "【{network}】{number} がロックされました",
    "Somebody has typed a wrong password for the retrieval number {number} so often that it is locked for an hour. If that was its owner, `rca unlock {number}` opens it. If not, `rca reissue {number}` gives the owner another number and password.": "証明書取得用No {number} に対してパスワードの間違いが続いたため、1時間ロックしました。本人であれば `rca unlock {number}` ですぐに解除できます。本人でなければ `rca reissue {number}` で新しい番号とパスワードを発行してください。",
    "sheets to print for those who were re-issued now (`rca handover`)": "今回再発行した人に渡す用紙 (`rca handover`)",
    "no new sheets; `rca handover` prints those of who was re-issued before": (
        "新しい用紙はありません。以前に再発行した分は rca handover で印刷できます"
    ),
    "{count} sheets: {file}": "用紙 {count} 枚: {file}",
    # -- keys: another passphrase
    "keys": "鍵",
    "Keys": "鍵",
    "another passphrase for the keys": "鍵のパスフレーズを変える",
    "Seals all keys of the store under a new passphrase: all of them, or none. Whoever has a copy of the old files still opens it with the old passphrase.": "保管場所のすべての鍵を新しいパスフレーズで封印し直します(途中で失敗したときは1つも変わりません)。以前のファイルの写しは、以前のパスフレーズで引き続き開けます。",
    "the file with the new passphrase; else a terminal is asked twice": "新しいパスフレーズのファイル。指定がなければ画面で2回尋ねる",
    "the descriptor to read the new passphrase from": "新しいパスフレーズを読み取るファイル記述子",
    "also this key of a root that is kept off the machine, in its place": "この機械の外に保管するルートの鍵ファイルも、その場で封印し直す",
    "the new passphrase of the CA keys: ": "CAの鍵の新しいパスフレーズ: ",
    "there is no new passphrase": "新しいパスフレーズがありません",
    "name a file with --new-passphrase-file": "--new-passphrase-file でファイルを指定してください",
    "nobody writes a passphrase into {file}": "{file} にパスフレーズを書き込むプログラムがありません",
    "the new passphrase is the one that there is": "新しいパスフレーズが今のパスフレーズと同じです",
    "there are no keys yet": "鍵がまだありません",
    "`rca hierarchy create` asks for the first passphrase": "最初のパスフレーズは `rca hierarchy create` で決めます",
    "{file} is kept in the store, with the other keys": "{file} は、ほかの鍵とともに保管場所にあります",
    # -- the audit log and its journal
    "the database is older than {file}: the next CRL would lack what this one lists": "データベースが {file} より古いため、このCRLにある失効が次のCRLから漏れてしまいます",
    "the database is older than its journal: nothing is issued from it": "データベースがジャーナルより古いため、発行できません",
    "`rca restore` brings back what it has forgotten; `rca audit verify` tells more": "`rca restore` で失われた分を復元できます。詳細は `rca audit verify` で確認してください",
    "row {row} of the audit log is damaged": "監査ログの{row}行目が壊れています",
    "rca audit verify": "rca audit verify",
    "the journal {path} cannot be used: {reason}": "ジャーナル {path} を使えません: {reason}",
    "the journal {path} cannot be read: {reason}": "ジャーナル {path} を読めません: {reason}",
    "the journal {path} cannot be read: nothing is issued without it": "ジャーナル {path} を読めないため、発行できません",
    "`rca restore` tells more, `rca restore --without-journal` sets it aside": "`rca restore` で詳細が分かります。`rca restore --without-journal` はこれを別名で残し、新しいジャーナルを始めます",
    "a backup was restored here, and the store has not caught up yet": "ここにはバックアップが復元済みですが、その後に起きたことをまだ取り込んでいません",
    "`rca restore` without FILE goes on": "FILE なしの `rca restore` で続けられます",
    "a run that was cut off may have left it: where no hierarchy of `rca hierarchy list` needs it, move it away": "中断された実行が残したものかもしれません。`rca hierarchy list` のどの階層にも要らないものなら、別の場所に移してください",
    "the journal {path} is not a file": "ジャーナル {path} はファイルではありません",
    "the journal {path} is damaged": "ジャーナル {path} が壊れています",
    # -- backup and restore
    "Makes a home of a backup, where none is; what a lost database leaves, ca-store/journal and public/, may be there. Then the store learns what happened after the backup, from these and from --journal and --crl, and issues nothing before it has. Without FILE a home that is behind its journal catches up in place.": "バックアップからホームを復元します。復元先にはホームがあってはなりませんが、データベースが失われた後に残った ca-store/journal と public/ はあってもかまいません。続いて、バックアップの後に起きたことをこれらと --journal、--crl から取り込み、それが済むまで発行は行いません。FILE を省くと、ジャーナルより古くなったホームをその場で追いつかせます。",
    "Writes all that makes this home into one file under the passphrase: database, keys, settings, profiles, CRLs. Others may write meanwhile. FILE is replaced in one step; - is stdout. With --verify FILE is read through instead, and all that is in it is proven.": "ホームのすべて(データベース、鍵、設定、プロファイル、CRL)を、パスフレーズで暗号化した1つのファイルに書き出します。その間も他のコマンドは書き込めます。FILE は一度に置き換わります。- は標準出力です。--verify を付けると、FILE を最後まで読み、中身をすべて検証します。",
    "a CRL that servers have, DER or PEM; may be given several times": "サーバーにあるCRL(DERかPEM)。何度でも指定できる",
    "a backup is not written to a terminal": "バックアップを画面には書き出せません",
    "a backup opens with the passphrase that the store had when it was made": "バックアップは、作成した時のパスフレーズで開きます",
    "a home out of a backup": "バックアップから復元する",
    "forget what happened after the backup?": "バックアップの後に起きたことは失われたものとして続けますか",
    "it is missing": "ありません",
    "list what a backup holds, and prove that it would do": "バックアップの中身を一覧にし、使えることを検証する",
    "move the old home aside, but keep its ca-store/journal and public/": "古いホームを別の場所に移してください(ca-store/journal と public/ は残します)",
    "nothing is issued or handed out before the store knows what happened after the backup: rca restore --journal FILE; where it is lost, rca restore --without-journal": "バックアップの後に起きたことが分かるまで、発行も配布もできません: rca restore --journal FILE (失われた場合は rca restore --without-journal)",
    "one encrypted file with everything": "すべてを、暗号化した1つのファイルに保存する",
    "rca restore": "rca restore",
    "rca restore --journal FILE, or --crl with each CRL that servers have; where all are lost: rca restore --without-journal": "rca restore --journal FILE、またはサーバーにある各CRLを --crl で指定してください。すべて失われた場合は rca restore --without-journal",
    "rca restore --journal FILE; where the journal is lost: rca restore --without-journal": "rca restore --journal FILE (ジャーナルが失われた場合は rca restore --without-journal)",
    "restore {file} into {home}?": "{file} を {home} に復元しますか",
    "size": "サイズ",
    "sha256": "SHA-256",
    "strangers": "シリアル番号しか分からない失効証明書",
    "behind": "遅れている",
    "set aside": "別名で残したジャーナル",
    "{file}: its last {count} lines were not learned; look through them for what no other journal tells": "{file}: 最後の{count}行は取り込めませんでした。ほかのジャーナルにないことが書かれていないか、目を通してください",
    "the journal that the log cannot go on from is kept as {file}, and a new one begins": "ログが続きとして使えないジャーナルは {file} に残し、新しいジャーナルを始めました",
    "it was signed when the log had {rows} rows, and no journal here tells all of them": "ログが{rows}行あった時に署名されていますが、そのすべてを伝えるジャーナルがここにありません",
    "it ends before row {row}, with which a checkpoint was signed": "{row}行目より前で終わっています。その行まであった時にチェックポイントが署名されています",
    "it is newer than what journals here tell": "ここにあるジャーナルの内容より新しいものです",
    "{file} ends before {own}": "{file} は {own} より前で終わっています",
    "rca restore --journal FILE with a whole copy of the journal; where there is none: rca restore --without-journal, which learns what is sound of it and sets it aside": "ジャーナルの完全な写しがあれば rca restore --journal FILE を、なければ rca restore --without-journal を実行してください(後者は壊れていない部分を取り込み、そのジャーナルを別名で残します)",
    "take another backup": "別のバックアップを使ってください",
    "the backup is damaged or cut off: its beginning is not as it was written": "バックアップが壊れているか途中で切れています(先頭部分が書かれた時と違います)",
    "the backup is damaged or cut off: its part {index} is not as it was written": "バックアップが壊れているか途中で切れています({index} 番目の部分が書かれた時と違います)",
    "the backup is damaged: {file} is not as it was written": "バックアップが壊れています({file} が書かれた時と違います)",
    "the backup is not whole: its reader has gone": "バックアップを最後まで書き出せませんでした(出力先のプログラムが先に終了しました)",
    "the database in the backup is damaged": "バックアップの中のデータベースが壊れています",
    "the store was restored and does not know what happened after its backup": "この保管場所は復元されたもので、バックアップの後に起きたことが分かりません",
    "the store was restored and does not know what was revoked after its backup": "この保管場所は復元されたもので、バックアップの後に失効したものが分かりません",
    "the store was restored and is not up to date": "保管場所は復元されたもので、最新の状態ではありません",
    "this is not a backup of rca": "rca のバックアップではありません",
    "try again": "もう一度実行してください",
    "what happened after the backup is lost: go on without": "バックアップの後に起きたことは失われたものとして続ける",
    "whole, and of {moment}": "正常です(作成: {moment})",
    "{count} files, {size} bytes": "{count} ファイル、{size} バイト",
    "{count} revoked certificates are known by their serial numbers alone; they stay on the CRL, as certificates of the user unknown": "シリアル番号しか分からない失効証明書が {count} 枚あります。利用者 unknown の証明書としてCRLに残ります",
    "{file} changed while it was read": "読み取り中に {file} の内容が変わりました",
    "{file}: {problem}": "{file}: {problem}",
    "the certificate of {name}: {problem}": "{name} の証明書: {problem}",
    "{path} exists and is not a file": "{path} はファイルではありません",
    "{path} is there already: a backup is restored where no home is": "{path} がすでにあります(復元先にはホームがあってはなりません)",
    # -- OCSP
    "{name} has no OCSP responses: servers that ask for them refuse everyone": "{name} のOCSP応答がありません。OCSPを使うサーバーは誰も通しません",
    "the OCSP responses of {name} end on {end} and were not renewed at half their life": "{name} のOCSP応答は {end} に期限が切れますが、期間の半分を過ぎても更新されていません",
    "rca publish --if-due; then look why cron did not do it": "rca publish --if-due を実行し、cronが実行しなかった理由を確かめてください",
    "signed OCSP responses for {count} certificates": "証明書 {count} 枚分のOCSP応答に署名しました",
    "the OCSP responses are not in order": "OCSP応答の並びが正しくありません",
    "the OCSP responses {path} are damaged": "OCSP応答のファイル {path} が壊れています",
    "the signature of an OCSP response does not verify": "OCSP応答の署名を検証できません",
    "this is not an OCSP request that can be read": "読み取れるOCSP要求ではありません",
    "the journal of the home that was lost; may be given several times": "失われたホームのジャーナル。何度でも指定できる",
    "{count} things cannot be learned again, such as certificates that were taken over: run `rca hierarchy import` again": "取り込めなかったものが {count} 件あります(引き継いだ証明書など)。`rca hierarchy import` をもう一度実行してください",
    "{file} is the journal of another store": "{file} は別の保管場所のジャーナルです",
    "row {row} of {file} is not as it was": "{file} の {row} 行目が書かれた時と違います",
    "row {row} of the journal cannot be read": "ジャーナルの {row} 行目が読み取れません",
    "{file} ends before the backup": "{file} はバックアップより前で終わっています",
    "there is no CA {fingerprint}": "CA {fingerprint} がありません",
    "missing": "取り込めなかった件数",
    "released": "解除",
    # -- keys: a root on another machine, bridges
    "A root on another machine": "別の機械にあるルート",
    "the issuing CA's key here, and a request": "発行CAの鍵をここで作り、署名要求を書き出す",
    "all that wait for their certificate": "証明書を待っているもの",
    "where the root is: signs a request": "ルートのある機械で署名要求に署名する",
    "makes a requested hierarchy usable": "署名された証明書を取り込み、使えるようにする",
    "takes in the root's CRL": "ルートのCRLを取り込む",
    "Bridges": "橋渡し",
    "one root certifies another": "あるルートが別のルートを認証する",
    "what roots have signed besides": "ルートがほかに署名した証明書",
    "one of these, for good": "その1つを失効させる",
    "Makes the key of a new hierarchy's issuing CA here, and a request (PKCS #10) for its certificate, to be signed where the root's key is: by OpenSSL, or by `rca hierarchy sign`. Typed again, it writes the same request once more.": "新しい階層の発行CAの鍵をここで作り、その証明書の署名要求(PKCS #10)を書き出します。ルートの鍵のある機械で、OpenSSLか `rca hierarchy sign` で署名します。もう一度実行すると同じ署名要求を書き出します。",
    "a new file for the request, PEM": "署名要求を書き出す新しいファイル(PEM)",
    "the name of which issuing.yaml makes the CA's": "issuing.yaml で認証局の名前のもとになる名前",
    "else what profiles/issuing.yaml says": "指定がなければ profiles/issuing.yaml のとおり",
    "give a request up; its key is set aside": "署名要求を取りやめる(鍵は取り分けておく)",
    "name a file with --out": "--out でファイルを指定してください",
    "Lists the hierarchies that wait for their certificate.": "証明書を待っている階層の一覧です。",
    "Makes a requested hierarchy usable with the certificates of the root and of the issuing CA that it signed, once they are proven to fit the request and each other.": "ルートと、ルートが署名した発行CAの証明書を取り込み、署名要求にも互いにも合うことを確かめたうえで、階層を使えるようにします。",
    "nginx wants the root's CRL too: bring it with `rca hierarchy crl {name} FILE`": "nginxにはルートのCRLも要ります: `rca hierarchy crl {name} FILE` で取り込んでください",
    "Takes in a CRL that was made where the root's key is, for the next `rca publish`.": "ルートの鍵のある機械で作ったCRLを、次の `rca publish` のために取り込みます。",
    "request sha256": "署名要求のSHA-256",
    "Signs the issuing CA of another home: name and key of a request that `rca hierarchy request` made there, all else as profiles/issuing.yaml here says.": "別のホームの発行CAに署名します。名前と鍵はそこで `rca hierarchy request` が作った署名要求のもの、ほかはすべてここの profiles/issuing.yaml のとおりです。",
    "whose root signs": "署名するルートの階層",
    "for the certificate, PEM": "証明書を書き出すファイル(PEM)",
    "A bridge for servers that know another root alone: the root of OTHER certifies the root of NAME (its issuing CA, where the path length of OTHER has no room for more). `rca publish` writes it as NAME-cross-OTHER.pem, and nowhere else.": "別のルートしか知らないサーバーのための橋渡しです。OTHERのルートがNAMEのルートを認証します(OTHERのパス長に余裕がなければ、NAMEの発行CAを認証します)。`rca publish` が NAME-cross-OTHER.pem としてだけ書き出します。",
    "its end; else that of what ends first": "期限。指定がなければ、先に終わる方に合わせる",
    "Lists what roots have signed besides their issuing CAs, revoked ones too.": "ルートが発行CAのほかに署名した証明書の一覧です(失効したものも含みます)。",
    "Revokes for good a certificate that `rca hierarchy signed` lists; the next `rca publish` tells servers.": "`rca hierarchy signed` に出る証明書を失効させます。次の `rca publish` でサーバーに伝わります。",
    "crosses": "橋渡し先",
    "subject": "サブジェクト",
    "issuer": "発行者",
    "the hierarchy {name} is requested already": "階層 {name} の署名要求はすでにあります",
    "without options the same request is written again; --withdraw gives it up": "オプションなしなら同じ署名要求を書き出します。取りやめるには --withdraw を使ってください",
    "the hierarchy {name} waits for the certificate that was requested": "階層 {name} は、要求した証明書を待っています",
    "rca hierarchy install {name}, or give the request up with --withdraw": "rca hierarchy install {name} を実行するか、--withdraw で取りやめてください",
    "nothing was requested for a hierarchy {name}": "階層 {name} の署名要求はありません",
    "rca hierarchy request {name} --out FILE": "rca hierarchy request {name} --out FILE を実行してください",
    "the key of {name} is here: its CRL is made here": "{name} の鍵はここにあり、CRLはここで作られます",
    "the CRL has ended on {end}": "このCRLは {end} に期限が切れています",
    "a newer CRL of {name} is here already": "{name} のより新しいCRLがすでにあります",
    "the request names no subject": "署名要求に名前がありません",
    "the extensions of the request cannot be read": "署名要求の拡張領域を読み取れません",
    "the request is not for a CA's certificate": "認証局の証明書の署名要求ではありません",
    "{first}; {second}": "{first}; {second}",
    "it is not self-signed, so it is no root": "自己署名ではないため、ルートではありません",
    "its path length allows no CA below": "パス長の制約により、下位のCAを置けません",
    "{root} did not sign it": "{root} の署名ではありません",
    "it is signed with {hash}": "署名のハッシュが {hash} です",
    "its key is not the one that was requested": "鍵が要求したものと違います",
    "its name is not the one that was requested, {requested}": (
        "名前が要求したもの（{requested}）と違います"
    ),
    "it ends after its root": "ルートより後に期限が切れます",
    "its authority key identifier is not that of the root": (
        "発行者鍵識別子がルートのものではありません"
    ),
    "it has no subject key identifier": "主体者鍵識別子がありません",
    "it is not of version 3": "バージョン3ではありません",
    "its key, {kind}, is not accepted": "鍵（{kind}）は使えません",
    "it is not valid now": "現在は有効期間外です",
    "it is not that of a CA": "CAの証明書ではありません",
    "it has no key usage": "鍵用途がありません",
    "its key usage lacks keyCertSign or cRLSign": (
        "鍵用途に keyCertSign または cRLSign がありません"
    ),
    "its extended key usage allows no clientAuth below": (
        "拡張鍵用途により、下位で clientAuth を使えません"
    ),
    "verifiers may not understand its critical extension {oid}": (
        "クリティカルな拡張 {oid} を検証側が理解できない可能性があります"
    ),
    "its CA excludes the name {name}": "CAが名前 {name} を除外しています",
    "its CA does not permit the name {name}": "CAが名前 {name} を許可していません",
    "the certificate of {subject} cannot be used: {findings}": "{subject} の証明書は使えません: {findings}",
    "a bridge needs two hierarchies": "橋渡しには2つの階層が必要です",
    "the bridge can last until {end} at most": "橋渡しの期限は {end} までです",
    "the path length of the root of {name} allows no CA below": "{name} のルートのパス長では、下に認証局を置けません",
    "it would outlive the root of {name}, which ends on {end}": "{name} のルート({end} まで)より後に期限が切れることになります",
    "shorten validity_years in profiles/issuing.yaml": "profiles/issuing.yaml の validity_years を短くしてください",
    "there is a bridge from {name} to {by} already": "{name} から {by} への橋渡しはすでにあります",
    "`rca hierarchy signed` shows it; `rca hierarchy revoke` ends it": "`rca hierarchy signed` で見られます。`rca hierarchy revoke` で失効させます",
    "bring it, and add --root-key FILE|URI": "鍵を持ってきて --root-key FILE|URI を付けてください",
    "{serial} is revoked already": "{serial} はすでに失効しています",
    "no CA's certificate has the serial number {serial}": "シリアル番号 {serial} の認証局の証明書はありません",
    "`rca hierarchy signed` lists them": "`rca hierarchy signed` で一覧を見られます",
    # -- keys: constraints of CAs
    "{text} is not a domain": "{text} はドメインではありません",
    "such as example.jp": "例: example.jp",
    "{text} is not a mail address": "{text} はメールアドレスではありません",
    "{text} is not a network": "{text} はネットワークではありません",
    "such as 10.0.0.0/8": "例: 10.0.0.0/8",
    "{text} is not an object identifier": "{text} はオブジェクト識別子ではありません",
    "such as 2.5.29.32.0, which is any policy": "例: 2.5.29.32.0(すべてのポリシー)",
    "a name without attributes": "名前に属性がありません",
    "no name is permitted or excluded": "許可する名前も除外する名前もありません",
    "policy_constraints without any of the two": "policy_constraints に2つのどちらもありません",
    "Act.ca-requested": "発行CAの署名要求",
    "Act.ca-request-withdrawn": "署名要求の取りやめ",
    "Act.ca-signed": "認証局の証明書への署名",
    "Act.ca-revoked": "認証局の証明書の失効",
    "Lists what was done, the newest last.": "行われた操作を、新しいものを最後にして一覧します。",
    "Proves the audit log: that each row follows from the one before, that the journal has the same, and that it is what the issuing CAs have signed with each publication. Names the first row that is not as it was written; the exit code is 8 then.": "監査ログを検証します。各行が前の行から続くこと、ジャーナルと同じであること、公開のたびに発行CAが署名した内容と一致することを確かめます。書かれたときと違う最初の行を示し、その場合の終了コードは8です。",
    "Who did what, when and from where: the audit log, each row chained to the one before.": "誰が、いつ、どこから、何をしたか。監査ログの各行は前の行につながっています。",
    "a process died, or somebody cut it off; the next act makes it whole": "プロセスが途中で止まったか、誰かが切り詰めました。次の操作で補われます",
    "act": "操作",
    "actor": "操作者",
    "at": "日時",
    "checkpoints": "チェックポイント",
    "detail": "詳細",
    "hash": "ハッシュ",
    "id": "行",
    "journal": "ジャーナル",
    "object": "対象",
    "origin": "接続元",
    "problems": "問題",
    "rows": "行数",
    "also a HIERARCHY-audit.json that was kept elsewhere": "別の場所に保管した 階層名-audit.json も照合する",
    "at this moment or later": "この日時以降",
    "before this moment": "この日時より前",
    "by this user of the system, or by the portal": "システムのこの利用者、またはポータル(portal)によるもの",
    "done to this certificate": "この証明書に対するもの",
    "row {row}: {problem}": "{row}行目: {problem}",
    "that nothing of it was changed": "改ざんされていないことの検証",
    "the audit log is not as it was written": "監査ログが書かれたときの内容と一致しません",
    "the journal ends at row {row} of {rows}": "ジャーナルが全{rows}行のうち{row}行目で終わっています",
    "the newest so many": "新しいものからこの件数",
    "this act alone": "この操作だけ",
    "this is no checkpoint of an audit log": "監査ログのチェックポイントではありません",
    "what was done": "行われた操作",
    "where an older database was put back, it is needed: `rca restore`. Else a `hierarchy create` died, and it can be deleted": "古いデータベースに戻した場合は必要な鍵です: `rca restore`。そうでなければ `hierarchy create` が途中で止まった残りで、削除できます",
    "who did what, and the proof of it": "誰が何をしたか、その検証",
    "{file} is a CA's key that no hierarchy was recorded for": "{file} は、どの階層にも記録されていないCAの鍵です",
    "`rca restore` brings a database up to its journal; what else changed the log is somebody's doing": "データベースがジャーナルより古いだけなら `rca restore` で追いつきます。それ以外は誰かが変更しています",
    "{file} is missing, and the log has a checkpoint for it": "{file} がありませんが、監査ログにはそのチェックポイントがあります",
    "rca publish; then find out who took it away": "rca publish を実行し、誰が取り去ったか調べてください",
    "{file} is not the newest checkpoint that the log has": "{file} は監査ログにある最新のチェックポイントではありません",
    "rca publish; then find out who put it there": "rca publish を実行し、誰が置いたか調べてください",
    "it is missing, and the journal has it": "ありませんが、ジャーナルにはあります",
    "it is missing, and {place} was signed with it": "ありませんが、{place} の署名には含まれています",
    "its hash does not follow from it": "ハッシュが内容と一致しません",
    "its signature does not verify": "署名を検証できません",
    "no CA of this home has signed it": "このホームのCAの署名ではありません",
    "no row has such a number": "ありえない番号の行です",
    "the journal has another": "ジャーナルの内容と違います",
    "{place} signed another": "{place} の署名と違います",
    "{place}: the log has no such checkpoint": "{place}: 監査ログにこのチェックポイントがありません",
    "there is no backup": "バックアップがありません",
    "rca backup FILE, daily from cron": "rca backup FILE をcronで毎日実行してください",
    "the last backup is of {moment}": "最後のバックアップは {moment} のものです",
    "rca backup FILE; then look why cron did not do it": "rca backup FILE を実行し、cronで実行されなかった原因を調べてください",
}
