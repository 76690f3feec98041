<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// As much of PEAR's XML-RPC server as pfSense's page needs: public methods of an object, with a prefix.

require_once('XML/RPC2/Exception.php');
require_once('/usr/local/share/pfrack-lab/xmlrpc_values.inc');

class XML_RPC2_Backend
{
	public static function setBackend($name) {
	}
}

class XML_RPC2_Server
{
	private $object;
	private $prefix;

	public static function create($object, $options) {
		$server = new self();
		$server->object = $object;
		$server->prefix = $options['prefix'];
		return $server;
	}

	public function handleCall() {
		$head = '<?xml version="1.0" encoding="utf-8"?' . '><methodResponse>';
		header('Content-type: text/xml; charset=utf-8');
		try {
			$call = simplexml_load_string(file_get_contents('php://input'));
			$method = [$this->object, substr((string)$call->methodName, strlen($this->prefix))];
			$arguments = [];
			foreach ($call->params->param as $parameter) {
				$arguments[] = lab_xmlrpc_decode($parameter->value);
			}
			$result = lab_xmlrpc_encode(call_user_func_array($method, $arguments));
			echo "{$head}<params><param>{$result}</param></params></methodResponse>";
		} catch (XML_RPC2_FaultException $fault) {
			$struct = lab_xmlrpc_encode(['faultCode' => $fault->getCode(), 'faultString' => $fault->getMessage()]);
			echo "{$head}<fault>{$struct}</fault></methodResponse>";
		}
	}
}
