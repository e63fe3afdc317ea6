'use strict';

/**
 * TandemBridge: signs the DW session, so that Tandem can obtain SLAS tokens for its shopper.
 *
 * For an ECOM that Tandem does not front. Put this file into the `controllers` folder of a storefront
 * cartridge (SFRA). `TandemBridge-Signature` returns JSON for a script of a page, `TandemBridge-Go`
 * a page that submits itself to Tandem. A signature is a credential and lives about ten minutes:
 * it is never cached, logged, or put into a URL.
 */
var server = require('server');

/**
 * The fields of `POST /bff/bridge`: `dwsgst` of a guest, `dwsrst` and the login of a registered shopper.
 * A registered session can be signed since release 25.4.
 * @returns {Object} the fields
 */
function claim() {
    if (customer.authenticated && customer.profile) {
        return {
            dwsrst: session.generateRegisteredSessionSignature(),
            login_id: customer.profile.credentials.login
        };
    }
    return { dwsgst: session.generateGuestSessionSignature() };
}

server.get('Signature', server.middleware.https, function (req, res, next) {
    res.setHttpHeader('Cache-Control', 'private, no-store');
    res.json(claim());
    return next();
});

server.get('Go', server.middleware.https, function (req, res, next) {
    res.setHttpHeader('Cache-Control', 'private, no-store');
    res.render('tandem/bridge', {
        fields: claim(),
        // The origin where browsers reach Tandem, from a custom site preference.
        action: require('dw/system/Site').current.getCustomPreferenceValue('tandemOrigin') + '/bff/bridge',
        returnTo: req.querystring.to || '/'
    });
    return next();
});

module.exports = server.exports();
